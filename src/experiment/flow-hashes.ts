/**
 * The hashes of an experiment's flows, by the million: the same flows as `generateFlows` makes, without an object for each.
 * Any part of them can be made alone, so that a sweep divides them among threads.
 */
import { createBatchHash, hasKernel, TUPLE_COLUMNS } from "../ecmp/batch-hash.ts";
import { createFields, FIELD, flowToFields } from "../ecmp/fields.ts";
import { compileFlowHash, type FlowHash, type HashOptions, refusePerPacket } from "../ecmp/flow-hash.ts";
import { expandFieldNames } from "../ecmp/key.ts";
import { isIpv4 } from "../net/address.ts";
import { type Flow, hasPorts, PROTOCOLS } from "../net/flow.ts";
import { randomBelow, seededRandom, skipRandom } from "../net/random.ts";
import { findHashKernels } from "../port/hash-kernels.ts";
import { FIRST_CLIENT_PORT, type FlowRecipe, generateFlows } from "./flows.ts";

const { source: SOURCE, sourcePort: SOURCE_PORT } = FIELD;

/** How to hash: what the configuration says, and the bits that the selector's tables are drawn over (`Selector.hashBits`). */
export interface Hashing {
  readonly options: HashOptions;
  readonly bits: number | undefined;
}

/** Throws a RangeError for a hash by which packets have a next hop and flows have none. */
export function compileHashing({ options, bits }: Hashing): FlowHash {
  refusePerPacket(options.algorithm);
  return compileFlowHash(options, bits);
}

/** The hash of each flow. */
export function hashFlows(flows: Iterable<Flow>, hashing: Hashing): Uint32Array {
  const { hashFields } = compileHashing(hashing);
  const fields = createFields();
  return Uint32Array.from(flows, (flow) => hashFields(flowToFields(flow, fields)));
}

/** The hashes of the recipe's flows with the numbers `from` up to `to`. */
export function hashRecipe(recipe: FlowRecipe, hashing: Hashing, from = 0, to = recipe.count): Uint32Array {
  const { sources, seed, protocol = PROTOCOLS.tcp } = recipe;
  const withPorts = hasPorts(protocol);
  const drawsPerFlow = (isIpv4(sources.address) ? 1 : 4) + (withPorts ? 1 : 0);
  const part = { ...recipe, seed: skipRandom(seed, from * drawsPerFlow), count: to - from };
  return isIpv4(sources.address) && withPorts ? hashIpv4(part, hashing) : hashFlows(generateFlows(part), hashing);
}

/** What differs between these flows is the source's address and port: two words of the row, two numbers drawn. */
function hashIpv4(recipe: FlowRecipe, hashing: Hashing, kernels = findHashKernels()): Uint32Array {
  const [first] = generateFlows({ ...recipe, count: 1 });
  const random = seededRandom(recipe.seed);
  const network = Number(recipe.sources.address);
  const hostBits = 2 ** (32 - recipe.sources.length) - 1;
  const drawSource = (): number => network | (random() & hostBits);
  const drawPort = (): number => FIRST_CLIENT_PORT + randomBelow(random, 65536 - FIRST_CLIENT_PORT);

  const hashes = new Uint32Array(recipe.count);
  if (kernels !== undefined && suitsKernels(hashing.options)) {
    const { algorithm, seed } = hashing.options;
    const hashBlock = createBatchHash(algorithm, seed, {}, kernels);
    for (let start = 0; start < hashes.length; start += KERNEL_ROWS) {
      const block = hashes.subarray(start, start + KERNEL_ROWS);
      hashBlock(drawColumns(first, block.length, drawSource, drawPort), block);
    }
    return narrow(hashes, hashing.bits);
  }
  const { hashFields } = compileHashing(hashing);
  const fields = flowToFields(first, createFields());
  for (let i = 0; i < hashes.length; i++) {
    fields[SOURCE] = drawSource();
    fields[SOURCE_PORT] = drawPort();
    hashes[i] = hashFields(fields);
  }
  return hashes;
}

/** As many as a core's second cache holds. */
const KERNEL_ROWS = 1 << 15;

function drawColumns(first: Flow, rows: number, drawSource: () => number, drawPort: () => number): Uint32Array {
  const columns = new Uint32Array(TUPLE_COLUMNS * rows);
  columns.fill(Number(first.destination), rows, 2 * rows);
  columns.fill(first.protocol, 2 * rows, 3 * rows);
  for (let i = 0, ports = 3 * rows; i < rows; i++, ports++) {
    columns[i] = drawSource();
    columns[ports] = (drawPort() << 16) | first.destinationPort;
  }
  return columns;
}

const PLAIN = expandFieldNames(["5-tuple"]).join();

/** The kernels hash whole 5-tuples with a seed, and nothing that a configuration could ask for besides. */
function suitsKernels({ algorithm, fields, seed: _, fragments: _f, icmpErrors: _i, ...others }: HashOptions): boolean {
  const isPlain = Object.values(others).every((value) => value === undefined);
  return isPlain && hasKernel(algorithm) && expandFieldNames(fields).join() === PLAIN;
}

/** The highest bits, as `compileFlowHash` aligns a hash of 32 bits to a selector of fewer. */
function narrow(hashes: Uint32Array, bits = 32): Uint32Array {
  if (bits < 32) for (let i = 0; i < hashes.length; i++) hashes[i] >>>= 32 - bits;
  return hashes;
}
