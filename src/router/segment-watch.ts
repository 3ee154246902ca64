/**
 * Says when the kernel drops segments of BGP connections: a wrong password or a TTL too low is otherwise only silence, on
 * both sides. What the listeners dropped, and why TCP of this namespace dropped something; the kernel does not say whose.
 */
import type { Clock } from "../net/clock.ts";
import type { EventRecord } from "./events.ts";

const EVERY_MS = 1000;

type Counts = Readonly<Record<string, number>>;

/** Looks every second; returns what ends that. */
export function watchSegments(read: () => Counts, clock: Clock, events: EventRecord): () => void {
  let before = read();
  let cancel = clock.setTimer(EVERY_MS, look);
  function look(): void {
    const now = read();
    const grown = Object.entries(now).flatMap(([name, count]) => (count > before[name] ? [[name, count - before[name]]] : []));
    if (grown.length > 0) events.add("segments-dropped", Object.fromEntries(grown));
    before = now;
    cancel = clock.setTimer(EVERY_MS, look);
  }
  return () => cancel();
}
