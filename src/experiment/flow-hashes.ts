/**
 * The hashes of an experiment's flows, by the million: the same flows as `generateFlows` makes, without an object for each.
 * Any part of them can be made alone, so that a sweep divides them among threads.
 */
import { createFields, FIELD, flowToFields } from "../ecmp/fields.ts";
import { compileFlowHash, type FlowHash, type HashOptions, refusePerPacket } from "../ecmp/flow-hash.ts";
import { isIpv4 } from "../net/address.ts";
import { type Flow, hasPorts, PROTOCOLS } from "../net/flow.ts";
import { randomBelow, seededRandom, skipRandom } from "../net/random.ts";
import { FIRST_CLIENT_PORT, type FlowRecipe, generateFlows } from "./flows.ts";

const { source: SOURCE, sourcePort: SOURCE_PORT } = FIELD;

/** How to hash: what the configuration says, and the bits that the selector's tables are drawn over (`Selector.hashBits`). */
export interface Hashing {
  readonly options: HashOptions;
  readonly bits: number | undefined;
}

function compileHashing({ options, bits }: Hashing): FlowHash {
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
function hashIpv4(recipe: FlowRecipe, hashing: Hashing): Uint32Array {
  const { hashFields } = compileHashing(hashing);
  const hashes = new Uint32Array(recipe.count);
  const [first] = generateFlows({ ...recipe, count: 1 });
  const fields = flowToFields(first, createFields());
  const random = seededRandom(recipe.seed);
  const network = Number(recipe.sources.address);
  const hostBits = 2 ** (32 - recipe.sources.length) - 1;
  for (let i = 0; i < hashes.length; i++) {
    fields[SOURCE] = network | (random() & hostBits);
    fields[SOURCE_PORT] = FIRST_CLIENT_PORT + randomBelow(random, 65536 - FIRST_CLIENT_PORT);
    hashes[i] = hashFields(fields);
  }
  return hashes;
}
