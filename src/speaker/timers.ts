/**
 * The running timers of one session, by name: setting one again replaces it. Here the seconds of the state machine become
 * real ones, with the jitter of RFC 4271 section 10. A hold timer, which every message sets anew, is only told its new end,
 * and sets itself again when it runs out before that.
 */
import type { CancelTimer, Clock } from "../net/clock.ts";
import type { Random } from "../net/random.ts";
import type { Timer } from "./fsm-state.ts";

const isHold = (timer: Timer): boolean => timer === "hold-outgoing" || timer === "hold-incoming";

export class Timers {
  private readonly running = new Map<Timer, CancelTimer>();
  /** When the hold timers that are running are to run out. */
  private readonly holdEndMs = new Map<Timer, number>();
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly onExpired: (timer: Timer) => void;

  constructor(clock: Clock, random: Random, onExpired: (timer: Timer) => void) {
    this.clock = clock;
    this.random = random;
    this.onExpired = onExpired;
  }

  set(timer: Timer, seconds: number): void {
    const endMs = this.clock.nowMs() + seconds * 1000;
    const isRunningForLess = endMs >= (this.holdEndMs.get(timer) ?? Number.POSITIVE_INFINITY);
    if (!isRunningForLess) this.cancel(timer);
    if (isHold(timer)) this.holdEndMs.set(timer, endMs);
    if (isRunningForLess) return;
    const expire = () => {
      if (this.running.get(timer) !== cancel) return;
      const leftMs = (this.holdEndMs.get(timer) ?? 0) - this.clock.nowMs();
      this.cancel(timer);
      if (leftMs > 0) this.set(timer, leftMs / 1000);
      else this.onExpired(timer);
    };
    // If this process was busy, the peer's keepalive may lie in the socket: let it be read before the peer is blamed.
    const run = isHold(timer) ? () => void setImmediate(expire) : expire;
    const cancel = this.clock.setTimer(seconds * 1000 * this.jitter(timer), run);
    this.running.set(timer, cancel);
  }

  cancel(timer: Timer): void {
    this.running.get(timer)?.();
    this.running.delete(timer);
    this.holdEndMs.delete(timer);
  }

  /** From three quarters to the whole, so that neighbors do not march in step; what is agreed on is kept to. */
  private jitter(timer: Timer): number {
    return isHold(timer) || timer === "stable" || timer === "incoming-window" ? 1 : 0.75 + (0.25 * this.random()) / 0x100000000;
  }
}
