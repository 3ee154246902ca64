/**
 * Which addresses lie within any of many prefixes. The prefixes are sorted once and each address is looked at once: the cost is
 * that of the two added, not multiplied. `fib/fib.ts` asks it for the hosts that a batch of routes concerns.
 */
import { type Address, compareAddresses } from "./address.ts";
import { comparePrefixes, type Prefix, prefixContains } from "./prefix.ts";

/** In the order of the addresses, each as often as it is given. Without prefixes no address is looked at. */
export function* addressesWithin(prefixes: readonly Prefix[], addresses: Iterable<Address>): Generator<Address> {
  const apart = outermost(prefixes);
  if (apart.length === 0) return;
  for (const address of addresses) {
    const before = lastUpTo(apart, address);
    if (before && prefixContains(before, address)) yield address;
  }
}

/** Those that no other one contains, in order: they have nothing in common. */
function outermost(prefixes: readonly Prefix[]): Prefix[] {
  const apart: Prefix[] = [];
  for (const prefix of [...prefixes].sort(comparePrefixes)) {
    const last = apart.at(-1);
    if (!last || !prefixContains(last, prefix.address)) apart.push(prefix);
  }
  return apart;
}

/** The last one that does not begin behind the address. */
function lastUpTo(sorted: readonly Prefix[], address: Address): Prefix | undefined {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAddresses(sorted[middle].address, address) <= 0) low = middle + 1;
    else high = middle;
  }
  return sorted[low - 1];
}
