/** Speakers for tests, and everything that they tell: tests wait for what they expect to be told, with a deadline. */
import { nlriKey } from "#src/bgp/path.ts";
import { type Address, addressFamily, type Ipv4Address, parseAddress } from "#src/net/address.ts";
import { delay, systemClock } from "#src/net/clock.ts";
import { formatPrefix } from "#src/net/prefix.ts";
import { seededRandom } from "#src/net/random.ts";
import { epochOf, type RouteUpdate } from "#src/rib/route.ts";
import type { NeighborState, SpeakerEvent } from "#src/speaker/neighbor.ts";
import { Speaker, type SpeakerOptions } from "#src/speaker/speaker.ts";

const LOOK_EVERY_MS = 10;

export const address = (text: string): Ipv4Address => parseAddress(text) as Ipv4Address;

export class Recorder {
  readonly updates: RouteUpdate[] = [];
  readonly events: SpeakerEvent[] = [];
  private waiting: (() => void)[] = [];

  readonly onUpdate = (update: RouteUpdate): void => {
    this.updates.push(update);
    this.look();
  };

  readonly onEvent = (event: SpeakerEvent): void => {
    this.events.push(event);
    this.look();
  };

  /** What the RIB would have been told, in words. */
  get routes(): string[] {
    return this.updates.map((update) => {
      if (update.kind === "stale") return `stale ${update.family}`;
      if (update.kind === "lost") return ["lost", update.family, update.staleOnly && "stale"].filter(Boolean).join(" ");
      return [
        ...update.announced.map((prefix) => `+${formatPrefix(prefix)}`),
        ...update.withdrawn.map((prefix) => `-${formatPrefix(prefix)}`),
      ].join(" ");
    });
  }

  /** Looks again whenever something is told. */
  async until(what: string, holds: () => boolean, deadlineMs = 10_000): Promise<void> {
    const endMs = systemClock.nowMs() + deadlineMs;
    while (!holds()) {
      const leftMs = endMs - systemClock.nowMs();
      if (leftMs <= 0)
        throw new Error(
          `Not within ${deadlineMs} ms: ${what}. Told: ${JSON.stringify([this.updates.slice(-6), this.events.slice(-6)])}`,
        );
      await new Promise<void>((resolve) => {
        const cancel = systemClock.setTimer(leftMs, resolve);
        this.waiting.push(() => {
          cancel();
          resolve();
        });
      });
    }
  }

  /** How many paths the neighbor has announced and not lost, as the RIB counts them. */
  received(neighbor: Address): number {
    const paths = new Map<number | string, { by: RouteUpdate["peer"]; family: string }>();
    for (const update of this.updates) {
      const { peer } = update;
      if (peer.address !== neighbor || update.kind === "stale") continue;
      if (update.kind === "lost") {
        for (const [key, { by, family }] of paths) {
          const isLost = !update.staleOnly || epochOf(by) < epochOf(peer);
          if (isLost && family === (update.family ?? family)) paths.delete(key);
        }
        continue;
      }
      for (const nlri of update.withdrawn) paths.delete(nlriKey(nlri));
      for (const nlri of update.announced) paths.set(nlriKey(nlri), { by: peer, family: addressFamily(nlri.address) });
    }
    return paths.size;
  }

  hasEvent(kind: SpeakerEvent["kind"], at: Address, times = 1): boolean {
    return this.events.filter((event) => event.kind === kind && event.neighbor === at).length >= times;
  }

  private look(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const look of waiting) look();
  }
}

/** For what nobody tells: looks again after a pause, in which what it waits for has the processor. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, deadlineMs = 10_000): Promise<void> {
  const endMs = systemClock.nowMs() + deadlineMs;
  while (!(await holds())) {
    if (systemClock.nowMs() > endMs) throw new Error(`Not within ${deadlineMs} ms: ${what}`);
    await delay(systemClock, LOOK_EVERY_MS);
  }
}

export interface Recorded {
  readonly speaker: Speaker;
  readonly told: Recorder;
  /** With what it has announced, counted when asked for. */
  neighbor(at: Address): NeighborState & { readonly prefixesReceived: number };
}

export function recordedSpeaker(options: Partial<SpeakerOptions> & Pick<SpeakerOptions, "asn" | "routerId">): Recorded {
  const told = new Recorder();
  const speaker = new Speaker({
    holdTimeSeconds: 90,
    connectRetrySeconds: 5,
    clock: systemClock,
    random: seededRandom(options.routerId),
    onUpdate: told.onUpdate,
    onEvent: told.onEvent,
    ...options,
  });
  return {
    speaker,
    told,
    neighbor: (at) => {
      const state = speaker.neighbors().find((neighbor) => neighbor.address === at);
      if (!state) throw new Error("No such neighbor");
      return {
        ...state,
        get prefixesReceived() {
          return told.received(at);
        },
      };
    },
  };
}
