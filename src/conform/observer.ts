/**
 * A second neighbor of the speaker, quite ordinary, that only listens: what the speaker tells it shows what the speaker has
 * made of what the checks sent. One session for all checks; each looks for its own prefixes.
 */
import { type Fault, formatFault } from "../bgp/error.ts";
import type { UpdateMessage } from "../bgp/update.ts";
import type { Clock } from "../net/clock.ts";
import { type Prefix, prefixKey } from "../net/prefix.ts";
import { attributesOf, type Observed, type ObservedRoute } from "./observed.ts";
import { meet } from "./session.ts";
import { type Neighborhood, Stage } from "./stage.ts";
import { Transcript } from "./transcript.ts";

const HOLD_TIME_SECONDS = 90;
const READ_MS = 60_000;

export class Observer implements Observed {
  brokenSessions = 0;
  private readonly stage: Stage;
  private readonly clock: Clock;
  private readonly routes = new Map<number | string, ObservedRoute>();
  private readonly faults = new Map<number | string, string>();
  private readonly looks = new Set<() => void>();
  private isEnding = false;

  constructor(us: Neighborhood, clock: Clock) {
    this.clock = clock;
    this.stage = new Stage(us, 0, undefined, clock, new Transcript(clock), Number.POSITIVE_INFINITY);
  }

  /** In words why there is no session; undefined: there is one, and it is kept up until the end. */
  async start(deadlineMs: number): Promise<string | undefined> {
    const meeting = await meet(this.stage, { holdTimeSeconds: HOLD_TIME_SECONDS }, this.clock.nowMs() + deadlineMs);
    if (meeting.kind === "refused") return "it refuses our OPEN";
    if (meeting.kind !== "established") return meeting.reason;
    void this.listen(deadlineMs);
    return undefined;
  }

  route(prefix: Prefix): ObservedRoute | undefined {
    return this.routes.get(prefixKey(prefix));
  }

  fault(prefix: Prefix): string | undefined {
    return this.faults.get(prefixKey(prefix));
  }

  async until(holds: () => boolean, endMs: number): Promise<boolean> {
    while (!holds()) {
      const leftMs = endMs - this.clock.nowMs();
      if (leftMs <= 0) return false;
      await new Promise<void>((resolve) => {
        const look = () => {
          cancel();
          this.looks.delete(look);
          resolve();
        };
        const cancel = this.clock.setTimer(leftMs, look);
        this.looks.add(look);
      });
    }
    return true;
  }

  end(): void {
    this.isEnding = true;
    this.stage.leave();
  }

  private async listen(deadlineMs: number): Promise<void> {
    while (!this.isEnding) {
      const arrival = await this.stage.connection?.next(this.clock.nowMs() + READ_MS);
      if (arrival?.kind === "message") {
        if (arrival.message.kind === "update") this.take(arrival.message, arrival.body, arrival.faults);
      } else if (arrival && !this.isEnding) {
        this.brokenSessions++;
        this.routes.clear();
        this.stage.connection?.close();
        await meet(this.stage, { holdTimeSeconds: HOLD_TIME_SECONDS }, this.clock.nowMs() + deadlineMs);
      }
      for (const look of [...this.looks]) look();
    }
  }

  private take({ withdrawn, announcements }: UpdateMessage, body: Uint8Array, faults: readonly Fault[]): void {
    const fault = faults.find(({ consequence }) => consequence !== "discard");
    for (const key of withdrawn.map(prefixKey)) {
      this.routes.delete(key);
      if (fault) this.faults.set(key, formatFault(fault));
      else this.faults.delete(key);
    }
    for (const { prefixes, attributes } of announcements) {
      const route = { asPath: attributes.asPath.flatMap(({ asns }) => asns), attributes: attributesOf(body) };
      for (const key of prefixes.map(prefixKey)) {
        this.routes.set(key, route);
        this.faults.delete(key);
      }
    }
  }
}
