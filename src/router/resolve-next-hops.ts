/** Next hops are asked for as soon as a route names them or their port is there again, so that the first packet need not wait. */
import type { Fib } from "../fib/fib.ts";
import type { Address } from "../net/address.ts";

export function resolveNextHops(fib: Fib, resolve: (address: Address, port: number) => unknown): void {
  for (const address of fib.nextHopAddresses()) {
    const port = fib.portOf(address);
    if (port !== undefined) resolve(address, port);
  }
}
