/**
 * Says when the kernel drops segments of BGP connections: a wrong password or a TTL too low is otherwise only silence, on
 * both sides. What the listeners dropped, and why TCP of this namespace dropped something; the kernel does not say whose.
 */
import type { Clock } from "../net/clock.ts";
import type { EventRecord } from "./events.ts";

const EVERY_MS = 1000;

type Counts = Readonly<Record<string, number>>;

/** Looks every second; returns what ends that. What cannot be read now (no descriptor is left, say) is at the next look. */
export function watchSegments(readCounts: () => Counts, clock: Clock, events: EventRecord): () => void {
  const read = (): Counts | undefined => {
    try {
      return readCounts();
    } catch {
      return undefined;
    }
  };
  let before = read();
  let cancel = clock.setTimer(EVERY_MS, look);
  function look(): void {
    cancel = clock.setTimer(EVERY_MS, look);
    const now = read();
    if (!now) return;
    const known = before ?? now;
    const grown = Object.entries(now).flatMap(([name, count]) => (count > known[name] ? [[name, count - known[name]]] : []));
    if (grown.length > 0) events.add("segments-dropped", Object.fromEntries(grown));
    before = now;
  }
  return () => cancel();
}
