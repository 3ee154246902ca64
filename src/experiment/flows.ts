/**
 * The flows of an experiment: made from a seed, or read from a CSV file. Both give plain `Flow` values; the same seed gives
 * the same flows for ever.
 */
import { type Address, isIpv4, parseAddress } from "../net/address.ts";
import { type Flow, hasPorts, PROTOCOLS, parseProtocol } from "../net/flow.ts";
import { maskAddress, type Prefix } from "../net/prefix.ts";
import { type Random, randomBelow, seededRandom } from "../net/random.ts";

export interface FlowRecipe {
  readonly count: number;
  readonly seed: number;
  /** Sources are drawn from all of it; of the family of `destination`. */
  readonly sources: Prefix;
  readonly destination: Address;
  readonly destinationPort: number;
  /** TCP if not given. */
  readonly protocol?: number;
}

export const FIRST_CLIENT_PORT = 1024;

/** Exactly `count` flows, one at a time. Repeats are possible, as likely as chance makes them. */
export function* generateFlows(recipe: FlowRecipe): Generator<Flow, void, void> {
  const { count, seed, sources, destination, destinationPort, protocol = PROTOCOLS.tcp } = recipe;
  const random = seededRandom(seed);
  for (let i = 0; i < count; i++) {
    const source = randomAddress(random, sources);
    const ports = hasPorts(protocol)
      ? { sourcePort: FIRST_CLIENT_PORT + randomBelow(random, 65536 - FIRST_CLIENT_PORT), destinationPort }
      : { sourcePort: 0, destinationPort: 0 };
    yield { protocol, source, destination, ...ports };
  }
}

/** Any address in the prefix, each as likely. */
function randomAddress(random: Random, { address, length }: Prefix): Address {
  if (isIpv4(address)) {
    const host = random();
    return (address | (host ^ Number(maskAddress(host, length)))) >>> 0;
  }
  const drawn = Array.from({ length: 4 }, () => random().toString(16).padStart(8, "0")).join("");
  const network = BigInt(`0x${maskAddress(drawn, length)}`);
  return ((BigInt(`0x${drawn}`) ^ network) | BigInt(`0x${address}`)).toString(16).padStart(32, "0");
}

/** What is wrong with a file, for people: where, the value, and what was wanted. */
export interface FlowMistake {
  readonly where: string;
  readonly value: string;
  readonly wanted: string;
}

export const FLOW_COLUMNS = ["protocol", "src", "srcPort", "dst", "dstPort"] as const;
type Column = (typeof FLOW_COLUMNS)[number];

/**
 * The flows of a CSV text: a header line with the five columns in any order, then a line a flow; ports are empty where there
 * are none. Collects mistakes up to `maximumMistakes` and gives no flows if there are any.
 */
export function parseFlowsCsv(text: string, maximumMistakes = 20): { flows: Flow[]; mistakes: FlowMistake[] } {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const columns = lines[0].split(",").map((name) => name.trim());
  if ([...columns].sort().join() !== [...FLOW_COLUMNS].sort().join()) {
    return { flows: [], mistakes: [{ where: "line 1", value: legible(lines[0]), wanted: `the header ${FLOW_COLUMNS.join()}` }] };
  }
  const flows: Flow[] = [];
  const mistakes: FlowMistake[] = [];
  for (let i = 1; i < lines.length && mistakes.length < maximumMistakes; i++) {
    if (lines[i].trim() === "") continue;
    const complain = (column: string, value: string, wanted: string) =>
      void mistakes.push({ where: `line ${i + 1}${column}`, value: legible(value), wanted });
    const cells = lines[i].split(",").map((cell) => cell.trim());
    if (cells.length !== columns.length) complain("", lines[i], `${columns.length} columns`);
    else {
      const cell = (column: Column): string => cells[columns.indexOf(column)];
      const flow = readFlow(cell, (column, wanted) => complain(`, ${column}`, cell(column), wanted));
      if (flow) flows.push(flow);
    }
  }
  return mistakes.length > 0 ? { flows: [], mistakes: mistakes.slice(0, maximumMistakes) } : { flows, mistakes };
}

const LEGIBLE_CHARACTERS = 80;

/** Of a file that may be no text at all, for a terminal. */
function legible(text: string): string {
  const shown = text.slice(0, LEGIBLE_CHARACTERS).replace(/\p{C}/gu, "?");
  return text.length > LEGIBLE_CHARACTERS ? `${shown}...` : shown;
}

function readFlow(cell: (column: Column) => string, complain: (column: Column, wanted: string) => void): Flow | undefined {
  const check = <T>(column: Column, value: T | undefined, wanted: string): T | undefined => {
    if (value === undefined) complain(column, wanted);
    return value;
  };
  const protocol = check(
    "protocol",
    parseProtocol(cell("protocol")),
    `a number to 255 or one of ${Object.keys(PROTOCOLS).join(", ")}`,
  );
  const source = check("src", parseAddress(cell("src")), "an address");
  const destination = check("dst", parseAddress(cell("dst")), "an address");
  const portWanted = protocol === undefined || hasPorts(protocol) ? "a port, 0 to 65535" : "nothing: the protocol has no ports";
  const sourcePort = check("srcPort", parsePort(cell("srcPort"), protocol), portWanted);
  const destinationPort = check("dstPort", parsePort(cell("dstPort"), protocol), portWanted);
  if (protocol === undefined || source === undefined || destination === undefined) return undefined;
  if (sourcePort === undefined || destinationPort === undefined) return undefined;
  if (isIpv4(source) !== isIpv4(destination)) return check("dst", undefined, `an address of the family of ${cell("src")}`);
  return { protocol, source, destination, sourcePort, destinationPort };
}

function parsePort(text: string, protocol: number | undefined): number | undefined {
  if (text === "" && (protocol === undefined || !hasPorts(protocol))) return 0;
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > 65535) return undefined;
  return protocol === undefined || hasPorts(protocol) || Number(text) === 0 ? Number(text) : undefined;
}
