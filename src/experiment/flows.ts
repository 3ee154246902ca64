/** The flows of an experiment that are made from a seed: plain `Flow` values, the same for the same seed for ever. */
import { type Address, isIpv4 } from "../net/address.ts";
import { type Flow, hasPorts, PROTOCOLS } from "../net/flow.ts";
import { formatPrefix, maskAddress, maximumLength, type Prefix } from "../net/prefix.ts";
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

/** What is wrong with asking for more flows than a recipe has different ones: flows are then counted over again. */
export function describeRepeats({ count, sources, protocol = PROTOCOLS.tcp }: FlowRecipe): string[] {
  const addresses = 2 ** (maximumLength(sources.address) - sources.length);
  const different = addresses * (hasPorts(protocol) ? 65536 - FIRST_CLIENT_PORT : 1);
  if (count <= different) return [];
  return [
    `${count} flows from ${formatPrefix(sources)}, where ${different} at most are different: the others are repeats of these`,
  ];
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
