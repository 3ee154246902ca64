/**
 * The load client: opens connections from given source ports, sends a heartbeat on each every 100 ms, and notes what
 * becomes of them: which pod answered, which source it saw, when the connection was reset, and when a heartbeat had no answer
 * for two seconds (`silence.ts`: of its own being awake). These two are different failures, so they are counted apart.
 * `load-process.ts` runs it in the client's namespace.
 */
import { connect, type Socket } from "node:net";
import { type CancelTimer, type Clock, delay } from "../net/clock.ts";
import { type ConnectionRecord, type ConnectionTarget, isBroken } from "./connection.ts";
import { resolveTarget } from "./name-client.ts";
import type { PodGreeting } from "./pod.ts";
import { afterSilence } from "./silence.ts";

export interface LoadOptions {
  readonly heartbeatMs: number;
  readonly timeoutMs: number;
  /** How many connections may be opening at once. */
  readonly parallel: number;
  /** Whether a connection that broke is dialed again, as its user would. */
  readonly redial: boolean;
}

export const LOAD_DEFAULTS: LoadOptions = { heartbeatMs: 100, timeoutMs: 2000, parallel: 50, redial: false };

/** Connections beat in turn, some every ten milliseconds: 500 frames at once would test the queues, not the router. */
const SLOT_MS = 10;

/** Between the end of a connection, or of an attempt, and the next attempt; and how long one may take. */
const REDIAL_PAUSE_MS = 50;
const REDIAL_TIMEOUT_MS = 1000;

interface Connection {
  readonly target: ConnectionTarget;
  readonly record: ConnectionRecord;
  readonly socket: Socket;
  /** While a heartbeat has no answer. Nobody is silent who was not asked: after a pause of this process all would be. */
  cancelPatience?: CancelTimer | undefined;
}

export class LoadClient {
  readonly #clock: Clock;
  readonly #options: LoadOptions;
  readonly #connections: Connection[] = [];
  readonly #redials = new Set<Socket>();
  #closed = false;
  #cancelBeat: CancelTimer | undefined;
  #slot: number;

  constructor(clock: Clock, options: LoadOptions = LOAD_DEFAULTS) {
    this.#clock = clock;
    this.#options = options;
    this.#slot = Math.floor(clock.nowMs() / SLOT_MS);
    this.#beatLater();
  }

  /** Opens them all; done when each has its pod's first line or has failed. */
  async open(targets: readonly ConnectionTarget[]): Promise<void> {
    const waiting = [...targets];
    const openInTurn = async () => {
      for (let target = waiting.shift(); target; target = waiting.shift()) await this.#openOne(target);
    };
    await Promise.all(Array.from({ length: this.#options.parallel }, openInTurn));
  }

  records(): readonly ConnectionRecord[] {
    return this.#connections.map((connection) => connection.record);
  }

  /** The same when each is known to live or not: no more heartbeats, and every one that was sent has its answer or had its time. */
  async settled(): Promise<readonly ConnectionRecord[]> {
    this.#cancelBeat?.();
    while (this.#connections.some(({ cancelPatience }) => cancelPatience)) await delay(this.#clock, SLOT_MS);
    return this.records();
  }

  /** Ends what lives by a reset, which leaves no TIME_WAIT: the same source ports can be used again at once. */
  close(): void {
    this.#cancelBeat?.();
    this.#closed = true;
    for (const connection of this.#connections) {
      heard(connection);
      reset(connection.socket);
    }
    for (const socket of this.#redials) reset(socket);
  }

  async #openOne(target: ConnectionTarget): Promise<void> {
    const record: ConnectionRecord = {
      flow: target.flow,
      opened: false,
      bytes: 0,
      lastEchoAtMs: this.#clock.nowMs(),
      longestSilenceMs: 0,
      redials: 0,
    };
    const host = await resolveTarget(target);
    if (target.name) record.resolved = host;
    const socket = connect({
      host,
      port: target.destinationPort,
      localAddress: target.sourceAddress,
      localPort: target.sourcePort,
      noDelay: true,
      allowHalfOpen: true,
    });
    const connection: Connection = { target, record, socket };
    this.#connections.push(connection);
    await new Promise<void>((settled) => {
      const cancelTimeout = afterSilence(this.#clock, this.#options.timeoutMs, () => {
        record.error = `no answer in ${this.#options.timeoutMs} ms`;
        reset(socket);
      });
      let greeting = "";
      socket.once("connect", () => {
        record.openedAtMs = this.#clock.nowMs();
      });
      socket.on("data", (bytes) => {
        const nowMs = this.#clock.nowMs();
        heard(connection);
        if (record.opened) record.longestSilenceMs = Math.max(record.longestSilenceMs, nowMs - record.lastEchoAtMs);
        record.lastEchoAtMs = nowMs;
        record.firstByteAtMs ??= nowMs;
        record.bytes += bytes.length;
        if (record.opened) return;
        greeting += bytes.toString("utf8");
        if (!greeting.includes("\n")) return;
        const { pod, source } = JSON.parse(greeting.slice(0, greeting.indexOf("\n"))) as PodGreeting;
        Object.assign(record, { opened: true, pod, sourceSeen: source });
        cancelTimeout();
        settled();
      });
      socket.on("error", (error: NodeJS.ErrnoException) => this.#failed(connection, error.code ?? error.message));
      socket.on("end", () => {
        if (isBroken(record)) return;
        if (!record.opened) {
          record.error ??= "closed before it said who it is";
          socket.destroy();
          return;
        }
        // libuv tells a reset that comes right behind data as an end in order. A write tells the two apart: only after a reset it
        // fails.
        socket.write("beat\n", (error: NodeJS.ErrnoException | null | undefined) => {
          if (error) this.#failed(connection, error.code ?? error.message);
          else this.#broke(connection, "closedAtMs");
          socket.destroy();
        });
      });
      socket.on("close", () => {
        cancelTimeout();
        settled();
      });
    });
  }

  #failed(connection: Connection, code: string): void {
    const { record } = connection;
    record.error ??= code;
    if (record.opened && !isBroken(record)) this.#broke(connection, code === "ETIMEDOUT" ? "timedOutAtMs" : "resetAtMs");
  }

  #broke(connection: Connection, how: "closedAtMs" | "timedOutAtMs" | "resetAtMs"): void {
    const { target, record } = connection;
    heard(connection);
    record[how] = this.#clock.nowMs();
    if (this.#options.redial && !this.#closed) this.#redial(target, record);
  }

  /** Again and again, from ports of the system's choice, until a pod speaks. */
  #redial(target: ConnectionTarget, record: ConnectionRecord): void {
    this.#clock.setTimer(REDIAL_PAUSE_MS, async () => {
      const { destinationPort: port, sourceAddress: localAddress } = target;
      const host = await resolveTarget(target);
      if (this.#closed) return;
      record.redials += 1;
      const socket = connect({ host, port, localAddress, noDelay: true });
      this.#redials.add(socket);
      const cancelTimeout = this.#clock.setTimer(REDIAL_TIMEOUT_MS, () => reset(socket));
      socket.once("data", () => {
        cancelTimeout();
        record.reopenedAtMs = this.#clock.nowMs();
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        cancelTimeout();
        this.#redials.delete(socket);
        if (record.reopenedAtMs === undefined) this.#redial(target, record);
      });
    });
  }

  #beatLater(): void {
    this.#cancelBeat = this.#clock.setTimer(SLOT_MS, () => {
      this.#beatLater();
      const slots = Math.max(1, Math.round(this.#options.heartbeatMs / SLOT_MS));
      // A timer of a busy machine is late: whoever is due by now has its turn now, and nobody twice.
      const due = Math.floor(this.#clock.nowMs() / SLOT_MS);
      for (let slot = Math.max(this.#slot, due - slots) + 1; slot <= due; slot++) {
        for (let i = slot % slots; i < this.#connections.length; i += slots) this.#beat(this.#connections[i]);
      }
      this.#slot = due;
    });
  }

  #beat(connection: Connection): void {
    const { record, socket } = connection;
    if (!record.opened || isBroken(record) || !socket.writable) return;
    connection.cancelPatience ??= afterSilence(this.#clock, this.#options.timeoutMs, () => {
      this.#broke(connection, "timedOutAtMs");
      reset(socket);
    });
    socket.write("beat\n");
  }
}

function heard(connection: Connection): void {
  connection.cancelPatience?.();
  connection.cancelPatience = undefined;
}

/**
 * Ends a connection so that its port can be used again at once. `resetAndDestroy` waits for one that is still opening, for ever
 * if nobody answers.
 */
export function reset(socket: Socket): void {
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
