/**
 * Settings of a neighbor, or of a range of them, that cannot be together: two that exclude each other, and one that has no effect
 * beside another, which whoever wrote it does not know. The schema asks here once each field is right by itself.
 */

/** What of a neighbor it looks at; a range has no `passive`, and is. */
export interface ContradictorySettings {
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly ttlSecurity?: object | undefined;
  readonly ebgpMultihop?: number | undefined;
  readonly passive?: boolean | undefined;
  readonly port?: number | undefined;
  readonly connectRetrySeconds?: number | undefined;
  readonly families?: readonly string[] | undefined;
  readonly extendedNextHop?: boolean | undefined;
  readonly ipv6NextHop?: string | undefined;
  readonly gracefulRestart?: string | undefined;
  readonly restartTimeSeconds?: number | undefined;
  readonly stalePathsSeconds?: number | undefined;
}

interface Rule {
  /** The setting that is one too many. */
  readonly name: keyof ContradictorySettings;
  /** It is there without being set. */
  readonly unless?: unknown;
  readonly beside: (settings: ContradictorySettings) => boolean;
  readonly wanted: string;
}

const isPassive = ({ passive = true }: ContradictorySettings): boolean => passive;
const isWithout =
  (family: string) =>
  ({ families }: ContradictorySettings): boolean =>
    families !== undefined && !families.includes(family);
const keepsNothing = ({ gracefulRestart }: ContradictorySettings): boolean => gracefulRestart === "off";

const RULES: readonly Rule[] = [
  {
    name: "passwordFile",
    beside: ({ password }) => password !== undefined,
    wanted: "a password or a file that has it, not both",
  },
  {
    name: "ebgpMultihop",
    beside: ({ ttlSecurity }) => ttlSecurity !== undefined,
    wanted: "ttlSecurity (with its hops) or ebgpMultihop, not both",
  },
  { name: "port", beside: isPassive, wanted: "only where we connect; with passive: true the neighbor does" },
  { name: "connectRetrySeconds", beside: isPassive, wanted: "only where we connect; a passive side waits" },
  {
    name: "extendedNextHop",
    unless: false,
    beside: isWithout("ipv4-unicast"),
    wanted: "only with the family ipv4-unicast, whose next hops it is about",
  },
  {
    name: "ipv6NextHop",
    beside: isWithout("ipv6-unicast"),
    wanted: "only with the family ipv6-unicast, whose next hops it is about",
  },
  { name: "restartTimeSeconds", beside: keepsNothing, wanted: "only with gracefulRestart: helper; off keeps no routes" },
  { name: "stalePathsSeconds", beside: keepsNothing, wanted: "only with gracefulRestart: helper; off keeps no routes" },
];

export const findContradictions = (settings: ContradictorySettings): { name: keyof ContradictorySettings; wanted: string }[] =>
  RULES.filter(({ name, unless, beside }) => settings[name] !== undefined && settings[name] !== unless && beside(settings)).map(
    ({ name, wanted }) => ({ name, wanted }),
  );
