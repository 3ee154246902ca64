/**
 * The faults of a real network around any port: frames lost, delayed, doubled, overtaken or damaged, each by a probability and
 * a seed, so that the same frames meet the same faults again. Rules come through shared memory and change while the port is at
 * work; without any, it costs a load a batch. Workers wrap their ports in it.
 *
 *   receive   <- [rules "in"]  <- inner         frames that are held come later, in a batch of our own
 *   transmit  -> [rules "out"] -> inner         a lost one ends as a drop, and is counted as that
 */
import { type Random, randomBelow, seededRandom } from "../net/random.ts";
import { BATCH_CAPACITY, type Batch, ROW, ROW_WORDS, VERDICT } from "./batch.ts";
import { corrupt } from "./corrupt.ts";
import { FAULT_COUNTS, type FaultCount, type FaultMemory, type FaultRule, faultCountsOf } from "./fault-rule.ts";
import { copyFrame, createHeldBatch, type HeldFrame, HeldFrames, hasRoom, isWithin, place } from "./held-frames.ts";
import type { Port, PortCounters, Waiter } from "./port.ts";
import { createSharedReader } from "./shared-value.ts";

export interface FaultOptions {
  readonly port: Port;
  readonly memory: FaultMemory;
  /** Of the worker: which counts are its own, and which sequence it draws from. */
  readonly index: number;
  /** The reason of a frame that is lost on its way out. */
  readonly dropReason: number;
  readonly nowMs: () => number;
}

interface ActiveRule {
  readonly rule: FaultRule;
  readonly random: Random;
  /** To go behind the next frame that the rule lets pass. */
  overtaken: HeldFrame | undefined;
}

type Fate = "pass" | "lost" | "held";

const NOBODY = 0xffffffff;
/** How long a frame waits to be overtaken before it goes anyway. */
const PATIENCE_MS = 100;
const COLUMN = Object.fromEntries(FAULT_COUNTS.map((name, i) => [name, i])) as Record<FaultCount, number>;

export class FaultyPort implements Port {
  readonly name: string;
  readonly #inner: Port;
  readonly #options: FaultOptions;
  readonly #counts: Float64Array;
  readonly #look: () => readonly FaultRule[] | undefined;
  #known: readonly FaultRule[] | undefined;
  #out: readonly ActiveRule[] = [];
  #in: readonly ActiveRule[] = [];
  readonly #heldOut = new HeldFrames();
  readonly #heldIn = new HeldFrames();
  readonly #due = { in: createHeldBatch(BATCH_CAPACITY), out: createHeldBatch(1) };
  /** Of what was received last, something passed at once. */
  #hasPassed = false;
  /** The rows that are hidden from the inner port while it transmits. */
  readonly #hidden: number[] = [];
  #batch: Batch;

  constructor(options: FaultOptions) {
    this.#options = options;
    this.#inner = options.port;
    this.name = options.port.name;
    this.#batch = options.port.batch;
    this.#counts = faultCountsOf(options.memory, options.index);
    this.#look = createSharedReader(options.memory.rules);
  }

  get batch(): Batch {
    return this.#batch;
  }

  /**
   * What is due comes behind a batch that passed, or in place of one of which nothing did. So the inner port is asked though
   * frames are due: others on the same interface may have to wait until this one has taken its share.
   */
  receive(): number {
    this.#update();
    this.#sendDue();
    const due = this.#hasPassed ? this.#handOutDue() : 0;
    this.#hasPassed = false;
    if (due > 0) return due;
    this.#batch = this.#inner.batch;
    const count = this.#inner.receive();
    const passed = this.#in.length === 0 ? count : this.#sift();
    this.#hasPassed = passed > 0;
    return passed > 0 ? passed : this.#handOutDue();
  }

  transmit(batch: Batch, egress: number): number {
    this.#update();
    if (this.#out.length === 0) return this.#inner.transmit(batch, egress);
    this.#sendDue();
    const { rows, count } = batch;
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      if (rows[row + ROW.verdict] !== VERDICT.forward || rows[row + ROW.egress] !== egress || !isWithin(batch, row)) continue;
      const active = find(this.#out, rows[row + ROW.nextHop]);
      const fate = active ? this.#decide(active, this.#heldOut, batch, row) : "pass";
      if (fate === "lost") {
        rows[row + ROW.verdict] = VERDICT.drop;
        rows[row + ROW.reason] = this.#options.dropReason;
      } else if (fate === "held") {
        rows[row + ROW.egress] = NOBODY;
        this.#hidden.push(row);
      }
    }
    const refused = this.#inner.transmit(batch, egress);
    for (const row of this.#hidden.splice(0)) rows[row + ROW.egress] = egress;
    this.#sendDue();
    return refused;
  }

  counters(): PortCounters {
    return this.#inner.counters();
  }

  /** How long until a held frame is due; Infinity: there is none. */
  dueInMs(): number {
    let dueMs = Math.min(this.#heldOut.nextDueMs, this.#heldIn.nextDueMs);
    for (const { overtaken } of this.#out) if (overtaken) dueMs = Math.min(dueMs, overtaken.dueMs);
    for (const { overtaken } of this.#in) if (overtaken) dueMs = Math.min(dueMs, overtaken.dueMs);
    // Asked before every sleep of a worker: where nothing is held, not even the clock is.
    return dueMs === Number.POSITIVE_INFINITY ? dueMs : dueMs - this.#options.nowMs();
  }

  /** What is held is lost. */
  close(): void {
    this.#batch = this.#inner.batch;
    this.#heldIn.clear();
    this.#heldOut.clear();
    this.#in = this.#out = [];
    this.#inner.close();
  }

  #update(): void {
    const rules = this.#look();
    if (rules === this.#known) return;
    this.#known = rules;
    const before = new Map([...this.#out, ...this.#in].map((active) => [active.rule.id, active]));
    const activate = (rule: FaultRule): ActiveRule => {
      const { random = seededRandom(rule.seed + this.#options.index), overtaken } = before.get(rule.id) ?? {};
      before.delete(rule.id);
      return { rule, random, overtaken };
    };
    this.#out = (rules ?? []).filter(({ direction }) => direction === "out").map(activate);
    this.#in = (rules ?? []).filter(({ direction }) => direction === "in").map(activate);
    for (const { rule, overtaken } of before.values())
      if (overtaken) (rule.direction === "out" ? this.#heldOut : this.#heldIn).add({ ...overtaken, dueMs: 0 });
  }

  /** What becomes of the received batch: lost and held frames leave it, the others close up. */
  #sift(): number {
    const batch = this.#inner.batch;
    const { rows, count } = batch;
    let kept = 0;
    for (let row = 0; row < count * ROW_WORDS; row += ROW_WORDS) {
      if (this.#decide(this.#in[0], this.#heldIn, batch, row) !== "pass") continue;
      rows.copyWithin(kept * ROW_WORDS, row, row + ROW_WORDS);
      kept++;
    }
    batch.count = kept;
    return kept;
  }

  #decide(active: ActiveRule, held: HeldFrames, batch: Batch, row: number): Fate {
    const { rule, random } = active;
    const chance = (percent: number): boolean => percent > 0 && random() / 0x100000000 < percent / 100;
    if (chance(rule.losePct)) return this.#count("lost", "lost");
    if (chance(rule.corruptPct)) this.#count(corrupt(batch, row, random) ? "corrupted" : "unsegmented", "pass");
    const nowMs = this.#options.nowMs();
    const shiftMs = rule.jitterMs === 0 ? 0 : ((randomBelow(random, 2001) - 1000) / 1000) * rule.jitterMs;
    const dueMs = nowMs + Math.max(0, rule.delayMs + shiftMs);
    if (chance(rule.duplicatePct) && this.#hold(held, copyFrame(batch, row, dueMs))) this.#count("duplicated", "pass");
    if (chance(rule.reorderPct) && !active.overtaken) {
      active.overtaken = copyFrame(batch, row, dueMs + PATIENCE_MS);
      return this.#count("reordered", "held");
    }
    const isDelayed = dueMs > nowMs;
    if (isDelayed && !this.#hold(held, copyFrame(batch, row, dueMs))) return "lost";
    if (active.overtaken) {
      this.#hold(held, { ...active.overtaken, dueMs });
      active.overtaken = undefined;
    }
    return isDelayed ? this.#count("delayed", "held") : "pass";
  }

  #hold(held: HeldFrames, frame: HeldFrame): boolean {
    if (held.add(frame)) return true;
    this.#counts[COLUMN.overflowed]++;
    return false;
  }

  #count(what: FaultCount, fate: Fate): Fate {
    this.#counts[COLUMN[what]]++;
    return fate;
  }

  /** The next frame that is due, taken away; undefined: there is none, or `batch` has no room for it from byte `at` on. */
  #takeDue(held: HeldFrames, rules: readonly ActiveRule[], batch: Batch, at = 0): HeldFrame | undefined {
    if (held.nextDueMs === Number.POSITIVE_INFINITY && rules.length === 0) return undefined;
    const nowMs = this.#options.nowMs();
    const late = rules.find(({ overtaken }) => overtaken && overtaken.dueMs <= nowMs);
    const frame = late ? late.overtaken : held.next(nowMs);
    if (!frame || !hasRoom(batch, frame, at)) return undefined;
    if (late) late.overtaken = undefined;
    else held.shift();
    return frame;
  }

  #handOutDue(): number {
    const batch = this.#due.in;
    batch.count = 0;
    const take = (at: number): HeldFrame | undefined => this.#takeDue(this.#heldIn, this.#in, batch, at);
    for (let at = 0, frame = take(0); frame; frame = take(at)) at = place(batch, frame, VERDICT.none, at);
    if (batch.count > 0) this.#batch = batch;
    return batch.count;
  }

  #sendDue(): void {
    const batch = this.#due.out;
    const take = (): HeldFrame | undefined => {
      batch.count = 0;
      return this.#takeDue(this.#heldOut, this.#out, batch);
    };
    for (let frame = take(); frame; frame = take()) {
      place(batch, frame, VERDICT.forward);
      this.#inner.transmit(batch, 0);
    }
  }
}

function find(rules: readonly ActiveRule[], nextHop: number): ActiveRule | undefined {
  for (const active of rules) if (active.rule.nextHop === undefined || active.rule.nextHop === nextHop) return active;
  return undefined;
}

/** Waits no longer than until the first held frame of the ports is due. */
export const createFaultyWaiter = (inner: Waiter, ports: readonly FaultyPort[]): Waiter => ({
  wait(timeoutMs) {
    let dueInMs = timeoutMs;
    for (const port of ports) dueInMs = Math.min(dueInMs, port.dueInMs());
    inner.wait(Math.max(0, dueInMs));
  },
  close: () => inner.close(),
});
