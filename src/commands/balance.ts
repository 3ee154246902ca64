/** `ecmp balance`: is the distribution even, by flows and by bytes, and does it stay so through several tiers of routers? */
import { Command } from "commander";
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { type MemberOrder, orderMembers } from "../ecmp/member-order.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import type { SelectionTable } from "../ecmp/table.ts";
import { describeUnbanked, describeUnevenness } from "../ecmp/unevenness.ts";
import { type Balance, drawBytes, type FlowSizes, measureBalance } from "../experiment/balance.ts";
import { type Hashing, hashRecipe } from "../experiment/flow-hashes.ts";
import { describeRepeats } from "../experiment/flows.ts";
import { measurePolarization, type Tier, type TierLoad } from "../experiment/polarization.ts";
import { type CaptureRow, captureRow, formatCsv, refusalRow, rounded } from "../experiment/report.ts";
import { placesOf, type Refusal, type SelectorChoice, tryEach } from "../experiment/scenario.ts";
import { describeUnknownFields } from "../experiment/unknown-fields.ts";
import { formatAddress } from "../net/address.ts";
import { loadCaptureFlows } from "./capture-flows.ts";
import {
  addExperimentOptions,
  type ExperimentOptions,
  membersOf,
  orderOf,
  recipeOf,
  reportRefusals,
} from "./experiment-options.ts";
import { fieldList, listOf, wholeNumber } from "./flag-value.ts";
import { hashOf } from "./hash-flags.ts";
import { CommandError, formatTable, print, printJson, warn } from "./output.ts";
import { selectorsOf } from "./selector-flags.ts";
import { tableOfRouter } from "./told-router.ts";
import { withRouter } from "./with-router.ts";

interface BalanceOptions extends ExperimentOptions {
  readonly tiers?: number;
  readonly tierSeeds?: readonly number[];
  readonly tierOffsets?: readonly number[];
  readonly tierFields?: readonly (readonly string[])[];
}

/** All flows and their hashes are in memory here. */
const MAXIMUM_FLOWS = 50_000_000;
const MAXIMUM_LINKS = 65536;

export function balanceCommand(): Command {
  const command = new Command("balance").description(
    "measure how even a selector's distribution is, and whether tiers polarize it",
  );
  return addExperimentOptions(command)
    .option("--tiers <n>", "send the flows through so many tiers of routers, each with the same members", wholeNumber(2, 3))
    .option(
      "--tier-seeds <list>",
      "the hash's seed in each tier; one for all is the same everywhere",
      listOf(wholeNumber(0, 0xffffffff)),
    )
    .option("--tier-offsets <list>", "bits by which each tier rotates the hash to the right", listOf(wholeNumber(0, 31)))
    .option("--tier-fields <lists>", "what each tier hashes, lists divided by /: 5-tuple/3-tuple", (text) =>
      text.split("/").map(fieldList),
    )
    .action(balance);
}

function balance(given: BalanceOptions): void {
  if (given.flows > MAXIMUM_FLOWS) throw new CommandError(`--flows: ${given.flows}, wanted at most ${MAXIMUM_FLOWS}`);
  refuseTierFlags(given);
  const options = withRouter(given);
  try {
    const { made, refusals } = tryEach(selectorsOf(options), fillTable(options));
    if (options.in === undefined) warn(describeUnknownFields(hashOf(options)));
    if (options.tiers === undefined) reportBalance(options, made, refusals);
    else reportTiers(options, options.tiers, made, refusals);
    reportRefusals("balance", refusals);
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(`balance: ${error.message}`);
    throw error;
  }
}

function refuseTierFlags({ tiers, tierSeeds, tierOffsets, tierFields }: BalanceOptions): void {
  if (tiers !== undefined) return;
  const given = Object.entries({ "--tier-seeds": tierSeeds, "--tier-offsets": tierOffsets, "--tier-fields": tierFields });
  const idle = given.find(([, value]) => value !== undefined);
  if (idle) throw new CommandError(`${idle[0]}: ${idle[1]}, wanted only with --tiers`);
}

interface Traffic {
  readonly sizes: FlowSizes;
  readonly hash: (hashing: Hashing) => Uint32Array;
  readonly captured: Captured;
}

/** What each row of JSON has besides. */
interface Captured {
  readonly capture?: CaptureRow;
}

/** `hashings`: all that it will be asked for. */
function trafficOf(options: BalanceOptions, hashings: readonly Hashing[]): Traffic {
  if (options.in !== undefined) {
    const flows = loadCaptureFlows(options.in, {
      hashings,
      headersOnly: options.headersOnly ?? false,
      routes: options.router?.routes,
    });
    return { sizes: flows, hash: flows.hash, captured: { capture: captureRow(flows) } };
  }
  const recipe = recipeOf(options);
  warn(describeRepeats(recipe));
  const sizes = { bytes: drawBytes(recipe.count, recipe.seed) };
  return { sizes, hash: (hashing) => hashRecipe(recipe, hashing), captured: {} };
}

interface Filled {
  readonly selector: string;
  readonly hashBits: number | undefined;
  readonly table: SelectionTable;
}

function fillTable(options: BalanceOptions) {
  const written = membersOf(options);
  const members = orderMembers(orderOf(options), written, placesOf({ members: written, events: [] }));
  const { router } = options;
  return (choice: SelectorChoice): Filled => {
    const { name, options: own } = choice;
    const selector = SELECTORS[name];
    const table = (router && tableOfRouter(router, choice, orderOf(options), members)) ?? selector.fill(members, own);
    const unbanked = describeUnbanked(own, members);
    if (unbanked !== undefined) warn([`${name}: ${unbanked}`]);
    const uneven = describeUnevenness(selector, own, table);
    if (uneven !== undefined) warn([uneven]);
    return { selector: name, hashBits: selector.hashBits, table };
  };
}

function reportBalance(options: BalanceOptions, filled: readonly Filled[], refusals: readonly Refusal[]): void {
  const { rows: balances, captured } = filled.length === 0 ? NOTHING : measureAll(options, filled);
  const refused = refusals.map(refusalRow);
  if (options.json) printJson([...balances.map((one) => ({ ...describeBalance(one), ...captured })), ...refused]);
  else if (options.csv) print(formatCsv([...balances.flatMap(memberRowsOf), ...refused]));
  else if (balances.length > 0)
    print(`${formatBalances(balances)}\n\nmember order ${orderOf(options)}\n\n${formatMembers(balances)}`);
}

interface Measured<Row> {
  readonly rows: readonly Row[];
  readonly captured: Captured;
}

const NOTHING: Measured<never> = { rows: [], captured: {} };

function measureAll(options: BalanceOptions, filled: readonly Filled[]): Measured<Named<Balance>> {
  const hash = hashOf(options);
  const hashings = filled.map(({ hashBits }): Hashing => ({ options: hash, bits: hashBits }));
  const { sizes, hash: hashFlows, captured } = trafficOf(options, hashings);
  const rows = filled.map(({ selector, table }, i) => {
    return { selector, memberOrder: orderOf(options), ...measureBalance(table, hashFlows(hashings[i]), sizes) };
  });
  return { rows, captured };
}

type Named<Value> = Value & { readonly selector: string; readonly memberOrder: MemberOrder };

const describeMembers = (members: Balance["members"]) =>
  members.map((member) => ({ ...member, address: formatAddress(member.address) }));

const memberRowsOf = ({ selector, members }: Named<Balance>) => describeMembers(members).map((row) => ({ selector, ...row }));

function describeBalance({ selector, memberOrder, members, flows, ...evenness }: Named<Balance>) {
  const figures = {
    ...evenness,
    maxOverMean: rounded(evenness.maxOverMean),
    coefficientOfVariation: rounded(evenness.coefficientOfVariation),
    chiSquare: rounded(evenness.chiSquare),
    pValue: rounded(evenness.pValue),
  };
  return { selector, memberOrder, members: members.length, flows, ...figures, nextHops: describeMembers(members) };
}

function formatBalances(balances: readonly Named<Balance>[]): string {
  const rows = balances.map((one) => [
    one.selector,
    one.members.length,
    one.flows,
    one.maxOverMean.toFixed(4),
    one.coefficientOfVariation.toFixed(4),
    one.chiSquare.toFixed(1),
    one.pValue.toPrecision(3),
  ]);
  return formatTable(["selector", "members", "flows", "max/mean", "cv", "chi-square", "p-value"], rows);
}

function formatMembers(balances: readonly Named<Balance>[]): string {
  const rows = balances.flatMap(({ selector, members }) =>
    describeMembers(members).map(({ address, weight, flows, packets, bytes }) => {
      return [selector, address, weight, flows, ...(packets === undefined ? [] : [packets]), bytes];
    }),
  );
  const isCounted = balances[0].members[0]?.packets !== undefined;
  return formatTable(["selector", "next hop", "weight", "flows", ...(isCounted ? ["packets"] : []), "bytes"], rows);
}

interface TierSetting {
  readonly seed: number;
  readonly offset: number;
  readonly fields: readonly string[];
}

function reportTiers(options: BalanceOptions, count: number, filled: readonly Filled[], refusals: readonly Refusal[]): void {
  const hash = hashOf(options);
  const isDeaf = hash.algorithm === "linux" && (options.tierOffsets ?? options.tierFields) !== undefined;
  if (isDeaf)
    throw new CommandError(`--profile: ${options.profile}, wanted no --tier-offsets or --tier-fields: the kernel has its own`);
  if (options.tierSeeds !== undefined && options.hashSeed !== undefined)
    throw new CommandError(`--hash-seed: ${options.hashSeed}, wanted no such flag beside --tier-seeds`);
  const seedOf = (tier: number): number => {
    const hashSeed = perTier("--tier-seeds", options.tierSeeds, count, tier);
    return hashSeed === undefined ? hash.seed : hashOf({ ...options, hashSeed }, "--tier-seeds").seed;
  };
  const settings = Array.from(
    { length: count },
    (_, tier): TierSetting => ({
      seed: seedOf(tier),
      offset: perTier("--tier-offsets", options.tierOffsets, count, tier) ?? hash.offset ?? 0,
      fields: perTier("--tier-fields", options.tierFields, count, tier) ?? hash.fields,
    }),
  );
  const links = membersOf(options).length ** count;
  if (links > MAXIMUM_LINKS)
    throw new CommandError(`--members: ${links} links in tier ${count}, wanted at most ${MAXIMUM_LINKS}`);
  const { rows, captured } = filled.length === 0 ? NOTHING : measureTiers(options, hash, settings, filled);
  const refused = refusals.map(refusalRow);
  if (options.json) printJson([...rows.map((row) => ({ ...row, ...captured })), ...refused]);
  else if (options.csv) print(formatCsv([...rows, ...refused]));
  else if (rows.length > 0) print(formatTiers(rows));
}

function measureTiers(options: BalanceOptions, hash: HashOptions, settings: readonly TierSetting[], filled: readonly Filled[]) {
  const tiers = filled.map(({ hashBits, table }) =>
    settings.map((setting): Tier => ({ hashing: { options: { ...hash, ...setting }, bits: hashBits }, table })),
  );
  const traffic = trafficOf(
    options,
    tiers.flat().map(({ hashing }) => hashing),
  );
  const rows = filled.flatMap(({ selector }, i) => {
    const loads = measurePolarization(tiers[i], traffic.hash);
    return loads.map((load, tier) => describeTier(selector, tier + 1, settings[tier], load));
  });
  return { rows, captured: traffic.captured };
}

/** One value serves all tiers; else there is one for each. */
function perTier<Value>(flag: string, values: readonly Value[] | undefined, count: number, tier: number): Value | undefined {
  if (values && values.length !== 1 && values.length !== count)
    throw new CommandError(`${flag}: ${values.length} values, wanted 1 or ${count}`);
  return values?.[values.length === 1 ? 0 : tier];
}

function describeTier(selector: string, tier: number, { seed, offset, fields }: TierSetting, load: TierLoad) {
  const { links, used } = load;
  const figures = {
    maxOverMean: rounded(load.maxOverMean),
    coefficientOfVariation: rounded(load.coefficientOfVariation),
  };
  return { selector, tier, seed, offset, fields: fields.join(" "), links, used, ...figures };
}

function formatTiers(rows: readonly ReturnType<typeof describeTier>[]): string {
  const header = ["selector", "tier", "seed", "offset", "links", "used", "max/mean", "cv", "fields"];
  const cells = rows.map((row) => [
    row.selector,
    row.tier,
    row.seed,
    row.offset,
    row.links,
    row.used,
    row.maxOverMean.toFixed(3),
    row.coefficientOfVariation.toFixed(3),
    row.fields,
  ]);
  return formatTable(header, cells);
}
