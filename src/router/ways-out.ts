/** The slow path's own way out of each port: it sends what no worker has, tapped as all else is, and receives nothing. */
import { withTap } from "../dataplane/around-port.ts";
import type { Clock } from "../net/clock.ts";
import { LivePort } from "../port/live-port.ts";
import { PacketRing } from "../port/packet-ring.ts";
import { ServedPort } from "../port/served-port.ts";
import type { Captures } from "./captures.ts";
import type { PortFacts } from "./port-facts.ts";
import type { PortTaps } from "./port-taps.ts";

export interface WaysOutOptions {
  /** By port. */
  readonly facts: readonly Pick<PortFacts, "interface" | "index">[];
  readonly captures: Captures;
  readonly taps: PortTaps;
  /** Which thread of captures and taps this one is. */
  readonly thread: number;
  readonly clock: Clock;
}

export function openWaysOut({ facts, captures, taps, thread, clock }: WaysOutOptions) {
  const inner = facts.map(({ interface: name }, i) => {
    const memory = captures.memoryOf(i);
    return memory
      ? new ServedPort({ name, memory, index: thread })
      : new LivePort(name, () => new PacketRing({ interface: name, receive: false }));
  });
  const copies = taps.memories[thread];
  const ports = inner.map((port, index) => withTap(port, taps.settings[index], { index, copies, clock }));
  const close = (): void => {
    for (const port of ports) port.close();
  };
  /** Another interface is behind the port, or none. What serves a port sees to that itself. */
  const reopen = (index: number, isThere: boolean): void => {
    const port = inner[index];
    if (port instanceof ServedPort) return;
    if (isThere) port.renew();
    else port.drop();
  };
  try {
    for (const [port, { index }] of facts.entries()) reopen(port, index !== 0);
  } catch (error) {
    close();
    throw error;
  }
  return { ports, reopen, close };
}
