/**
 * The faults of a lab that stays up. What is at work is what was asked for, as far as the lab itself still shows it, and what
 * happened by itself: a process that ended. So nothing is believed that others have undone. One thing is done after the other; a
 * fault of two halves waits outside of the queue for the second, and may be ended meanwhile. `fault-server.ts` asks it.
 */
import type { Clock } from "../net/clock.ts";
import type { Cast } from "./cast.ts";
import { LabFailure } from "./failure.ts";
import { FAULTS } from "./fault.ts";
import { mayBefall } from "./fault-consequence.ts";
import { DEEDS } from "./fault-deed.ts";
import { clashOf } from "./fault-overlap.ts";
import { faultSettings, type ToldFault } from "./fault-setting.ts";
import { makeTarget, type Target } from "./fault-target.ts";
import { FAULT_KINDS } from "./lab.ts";

export class FaultsAtWork {
  readonly #clock: Clock;
  readonly #cast: Cast;
  readonly #asked = new Set<ToldFault>();
  /** Ends the wait for a second half. */
  readonly #wake = new Map<ToldFault, () => void>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(clock: Clock, cast: Cast) {
    this.#clock = clock;
    this.#cast = cast;
  }

  list(): Promise<readonly ToldFault[]> {
    return this.#inTurn(() => this.#look());
  }

  async begin(told: ToldFault): Promise<readonly ToldFault[]> {
    const { begin, goOn } = DEEDS[told.fault];
    await this.#inTurn(async () => {
      for (const other of await this.#look()) this.#refuseClash(told, other);
      if (!FAULTS[told.fault].passes) this.#asked.add(told);
      await this.#attempt(told, begin);
    });
    if (goOn) {
      await this.#untilSecondHalf(told);
      await this.#inTurn(async () => {
        if (this.#asked.has(told)) await this.#attempt(told, goOn);
      });
    }
    return await this.list();
  }

  end({ fault, node }: ToldFault): Promise<readonly ToldFault[]> {
    return this.#inTurn(async () => {
      const atWork = await this.#look();
      const told = atWork.find((each) => each.fault === fault && each.node === node);
      const all = atWork.map((each) => `${each.fault} of ${each.node}`).join(", ");
      if (!told) throw new LabFailure(`${fault} of ${node}`, "it is not at work", all || "one that is: there is none");
      await this.#undo(told);
      return await this.#look();
    });
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    return done;
  }

  #refuseClash(told: ToldFault, other: ToldFault): void {
    const { lab } = this.#cast;
    const clash = clashOf(lab, lab.router, other, told);
    if (!clash) return;
    const where = `${told.fault} of ${told.node}`;
    throw new LabFailure(where, `${other.fault} of ${other.node} is at work`, `an end of that before: ${clash}`);
  }

  /** What fails halfway is undone; and where that fails, too, it stays at work, to be ended again. */
  async #attempt(told: ToldFault, act: (target: Target) => Promise<void>): Promise<void> {
    try {
      await act(this.#target(told));
    } catch (error) {
      await this.#undo(told).catch((further: Error) => {
        const advice = `ecmp lab fault end ${told.fault} ${told.node}, when that can be done: ${further.message}`;
        throw new LabFailure(`${told.fault} of ${told.node}`, (error as Error).message, "all of it, or nothing", advice);
      });
      throw error;
    }
  }

  async #undo(told: ToldFault): Promise<void> {
    await DEEDS[told.fault].end(this.#target(told));
    this.#asked.delete(told);
    this.#wake.get(told)?.();
  }

  #untilSecondHalf(told: ToldFault): Promise<void> {
    return new Promise<void>((resolve) => {
      const cancel = this.#clock.setTimer(faultSettings(told).graceSeconds * 1000, () => resolve());
      this.#wake.set(told, () => {
        cancel();
        resolve();
      });
    }).then(() => void this.#wake.delete(told));
  }

  async #look(): Promise<readonly ToldFault[]> {
    const asked = [...this.#asked];
    const shown = await Promise.all(asked.map((told) => this.#shows(told)));
    asked.forEach((told, i) => void (shown[i] || this.#asked.delete(told)));
    return [...this.#asked, ...(await this.#happened())];
  }

  /** What nobody asked for; whose speaker has gone by one of the faults asked for is told by that. */
  async #happened(): Promise<ToldFault[]> {
    const { lab } = this.#cast;
    const kinds = FAULT_KINDS.filter((fault) => DEEDS[fault].happensByItself);
    const possible = kinds.flatMap((fault) => mayBefall(lab, fault).map((node) => ({ fault, node })));
    const open = possible.filter(
      ({ fault, node }) => ![...this.#asked].some((told) => told.node === node && (told.fault === fault || explains(told))),
    );
    const shown = await Promise.all(open.map((told) => this.#shows(told)));
    return open.filter((_, i) => shown[i]);
  }

  async #shows(told: ToldFault): Promise<boolean> {
    const { shows } = DEEDS[told.fault];
    try {
      return shows === undefined || (await shows(this.#target(told)));
    } catch (error) {
      // Whom one would have to ask is gone himself.
      if (error instanceof LabFailure) return false;
      throw error;
    }
  }

  #target(told: ToldFault): Target {
    return makeTarget(this.#clock, this.#cast, told, this.#asked);
  }
}

const explains = ({ fault }: ToldFault): boolean => FAULTS[fault].takes.includes("speaker") && FAULTS[fault].endsSession === true;
