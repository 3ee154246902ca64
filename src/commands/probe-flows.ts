/**
 * Sends probes of flows with a TTL that rises, all flows at one TTL together, and notes who answers: a machine over a socket and
 * a clock that are handed in. An answer that does not come is asked for again; routers answer a few a second only (Linux: one,
 * after six).
 */
import { type Address, isIpv4 } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { type Flow, formatFlow } from "../net/flow.ts";
import type { RawMessage } from "../port/raw-sockets.ts";
import { decodeAnswer, decodeIpv4Answer, encodeProbe, type ProbeAnswer } from "../wire/probe.ts";

export interface ProbeOptions {
  readonly firstTtl: number;
  readonly maximumTtl: number;
  /** For each flow and TTL. */
  readonly attempts: number;
  readonly timeoutMs: number;
  /** An answer from there is the last that is wanted. */
  isEnough(from: Address): boolean;
}

export interface Hop {
  readonly ttl: number;
  /** Undefined: nobody answered. */
  readonly answer: Pick<ProbeAnswer, "from" | "kind"> | undefined;
  readonly roundTripMs: number | undefined;
}

interface Course {
  readonly flow: Flow;
  readonly hops: Hop[];
  isDone: boolean;
}

interface Sent {
  readonly course: Course;
  readonly ttl: number;
  readonly sentMs: number;
}

const IDS = 65_534;
/** At once; more would only be lost in buffers. */
const BURST = 64;

export type Prober = ReturnType<typeof createProber>;

/** For up to `IDS` probes that wait for an answer at once. */
export function createProber(send: (packet: Uint8Array, destination: Address) => void, clock: Clock) {
  const waiting = new Map<number, Sent>();
  let lastId = 0;
  let onAnswer = (): void => {};

  const sendProbe = (course: Course, ttl: number): void => {
    lastId = (lastId % IDS) + 1;
    waiting.set(lastId, { course, ttl, sentMs: clock.nowMs() });
    send(encodeProbe(course.flow, ttl, lastId), course.flow.destination);
  };

  /** What a service says to UDP tells no number: it answers the last probe of its flow. */
  const find = ({ flow, id }: ProbeAnswer): Sent | undefined => {
    const text = formatFlow(flow);
    const sent =
      id === undefined ? [...waiting.values()].findLast(({ course }) => formatFlow(course.flow) === text) : waiting.get(id);
    return sent && formatFlow(sent.course.flow) === text ? sent : undefined;
  };

  const hasHop = ({ hops }: Course, ttl: number): boolean => hops.some((hop) => hop.ttl === ttl);

  /** All of `courses` at `ttl`: resolves when each has an answer, or after the time-out. */
  const ask = (courses: readonly Course[], ttl: number, timeoutMs: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.setTimer(timeoutMs, resolve);
      onAnswer = () => {
        if (!courses.every((course) => hasHop(course, ttl))) return;
        cancel();
        resolve();
      };
      for (const course of courses) sendProbe(course, ttl);
    });

  const probeBurst = async (courses: readonly Course[], options: ProbeOptions): Promise<void> => {
    for (let ttl = options.firstTtl; ttl <= options.maximumTtl; ttl++) {
      const wanted = courses.filter(({ isDone }) => !isDone);
      if (wanted.length === 0) return;
      for (let attempt = 0; attempt < options.attempts; attempt++) {
        const silent = wanted.filter((course) => !hasHop(course, ttl));
        if (silent.length > 0) await ask(silent, ttl, options.timeoutMs);
      }
      // Who answers later answers too late: to another TTL it would be a wrong hop.
      waiting.clear();
      for (const course of wanted) {
        if (!hasHop(course, ttl)) course.hops.push({ ttl, answer: undefined, roundTripMs: undefined });
        const from = course.hops.at(-1)?.answer;
        course.isDone = from !== undefined && (from.kind !== "time-exceeded" || options.isEnough(from.from));
      }
    }
  };

  return {
    /** What the sockets hear. */
    take({ protocol, from, bytes }: RawMessage): void {
      const nowMs = clock.nowMs();
      const answer = isIpv4(from) ? decodeIpv4Answer(bytes) : decodeIpv6(protocol, from, bytes);
      const sent = answer && find(answer);
      if (!sent || hasHop(sent.course, sent.ttl)) return;
      const { kind } = answer;
      sent.course.hops.push({ ttl: sent.ttl, answer: { from: answer.from, kind }, roundTripMs: nowMs - sent.sentMs });
      onAnswer();
    },

    async probe(
      flows: readonly Flow[],
      options: ProbeOptions,
    ): Promise<{ readonly flow: Flow; readonly hops: readonly Hop[] }[]> {
      const courses = flows.map((flow): Course => ({ flow, hops: [], isDone: false }));
      for (let at = 0; at < courses.length; at += BURST) await probeBurst(courses.slice(at, at + BURST), options);
      return courses;
    },
  };

  /** A raw socket of IPv6 does not say where its messages were sent to: to whom the probe came from, if it is an answer. */
  function decodeIpv6(protocol: number, from: Address, bytes: Uint8Array): ProbeAnswer | undefined {
    const source = [...waiting.values()].at(-1)?.course.flow.source;
    return decodeAnswer(protocol, from, source, bytes);
  }
}
