/**
 * The options of `balance` and `disrupt` with the router that a file tells of, if one does. A flag that says otherwise than the file
 * counts, for that is an experiment; but it is said, so that nobody takes the answer for the router's.
 */
import { type ExperimentOptions, membersOf, orderOf, refuseIdleFlags } from "./experiment-options.ts";
import { hashOf } from "./hash-flags.ts";
import { warn } from "./output.ts";
import { selectorsOf } from "./selector-flags.ts";
import { hasMembers, isSelectorOf, loadRouter, nameValue, type ToldRouter } from "./told-router.ts";

export function withRouter<Options extends ExperimentOptions>(options: Options): Options {
  refuseIdleFlags(options);
  const router = loadRouter(options);
  if (router === undefined) return options;
  const told = { ...options, router };
  warn(describeContradictions(told, router));
  return told;
}

const HASH_FLAGS = ["profile", "hash", "fields", "hashSeed", "hashOption"] as const;
const SELECTOR_FLAGS = ["profile", "selector", "buckets", "selectorSeed", "selectorOption"] as const;
const ORDER_FLAGS = ["profile", "memberOrder"] as const;
const MEMBER_FLAGS = ["members", "weights"] as const;

function describeContradictions(options: ExperimentOptions, router: ToldRouter): string[] {
  const describe = (what: string, flags: readonly (keyof ExperimentOptions)[], isSame: () => boolean): string[] => {
    const given = flags.filter((flag) => options[flag] !== undefined);
    if (given.length === 0 || isSame()) return [];
    return [`${router.file}: has another ${what} than by ${given.map(nameFlag).join(" and ")}, which counts`];
  };
  return [
    ...describe("hash", HASH_FLAGS, () => nameValue(hashOf(options)) === nameValue(router.hash)),
    ...describe("selector", SELECTOR_FLAGS, () => selectorsOf(options).some((choice) => isSelectorOf(router, choice))),
    ...describe("member order", ORDER_FLAGS, () => orderOf(options) === router.memberOrder),
    ...describe("set of next hops", MEMBER_FLAGS, () => hasMembers(router, membersOf(options))),
  ];
}

const nameFlag = (option: string): string => `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
