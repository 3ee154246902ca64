/**
 * What serves the ports of a running router that have no rings: libpcap's capture for the kind pcap-live, files for the kind
 * capture-file. All threads share them. What becomes of them (a process that dies, a file that ends) is an event.
 */
import type { Config } from "../config/schema.ts";
import { receiverOf } from "../dataplane/trunk.ts";
import { type Capture, openCapture } from "../port/capture.ts";
import { type CaptureFile, createFileMemory, openCaptureFile } from "../port/capture-file.ts";
import type { CaptureFileNews } from "../port/capture-file-thread.ts";
import { foreseeProblem } from "../port/rotating-file.ts";
import { type PortMemory, type ServedMemory, wakeBy } from "../port/served-memory.ts";
import { doEach } from "./clean-up.ts";
import type { EventRecord } from "./events.ts";
import { isOverFiles, type PortFacts } from "./port-facts.ts";

export type Captures = Awaited<ReturnType<typeof openCaptures>>;

type PortConfig = Config["ports"][number];

/** What a port over files is shown as; `problem` is null where there is none. */
export interface FileState {
  readonly read?: {
    readonly file: string;
    /** `ended`: its thread did, before the file was over. */
    readonly state: "waiting" | "reading" | "over" | "failed" | "ended";
    readonly problem: string | null;
  };
  readonly write?: { readonly file: string; readonly problem: string | null };
}

/** What serves one port. */
interface Served {
  readonly memory: ServedMemory;
  /** Nothing comes by it before. */
  begin(): void;
  /** When it is open what is to be written, or its problem known. */
  readonly settled: Promise<void>;
  close(): Promise<unknown>;
  /** Beside the port, in what is shown of it. */
  state(): { readonly capture?: { process: number | null; deaths: number }; readonly files?: FileState };
  isDown(): boolean;
}

/** `facts`: of the ports. `threads`: the workers and the slow path. */
export async function openCaptures(
  { ports }: Pick<Config, "ports">,
  facts: readonly Pick<PortFacts, "name" | "interface" | "mac">[],
  threads: number,
  events: EventRecord,
) {
  const receivers = receiverOf(facts);
  const membersOf = (port: number): number[] => [...facts.keys()].filter((other) => receivers[other] === receivers[port]);
  /** By port; of several on an interface the first one's. */
  const served: (Served | undefined)[] = [];
  const distinct = (): Served[] => [...new Set(served)].filter((one) => one !== undefined);
  const stop = async (): Promise<void> => {
    const closed = distinct().map((one) => one.close());
    await doEach(closed.map((one) => () => one));
  };
  const files = ports.map((port) => (isOverFiles(port) ? createFileMemory(threads) : undefined));
  const unwritten = files.flatMap((memory) => memory?.sent ?? []);
  try {
    for (const [i, port] of ports.entries()) {
      const { name, interface: interfaceName, mac } = facts[i];
      const memory = files[i];
      if (memory) served.push(serveFiles(port, { name, mac, memory, unwritten }, events));
      else if (port.kind !== "pcap-live" || receivers[i] !== i) served.push(served[receivers[i]]);
      else served.push(await serveCapture(interfaceName, threads * membersOf(i).length, events));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    memoryOf(port: number): PortMemory | undefined {
      const memory = served[port]?.memory;
      if (!memory) return undefined;
      const member = membersOf(port).indexOf(port);
      const sent = memory.sent.slice(member * threads, (member + 1) * threads);
      return { state: memory.state, sent, ...(member === 0 ? { received: memory.received } : {}) };
    },

    /** Signaled when there are frames for the worker that receives them. */
    wakeBy(descriptor: number): void {
      for (const one of distinct()) wakeBy(one.memory, descriptor);
    },

    begin(): void {
      for (const one of distinct()) one.begin();
    },

    /** When every file to be written is open, or its problem known. */
    settled: () => Promise.all(distinct().map((one) => one.settled)),

    /** What is shown of what serves the port; undefined: it has a ring. */
    state: (port: number) => served[port]?.state(),
    isDown: (port: number): boolean => served[port]?.isDown() ?? false,
    stop,
  };
}

/**
 * Where the files cannot be written that ports of `wanted` are to write and those in force do not, the error says so of all of
 * them. What only opening them would show is said once they are in force.
 */
export async function requireWritable(wanted: Pick<Config, "ports">, inForce: Pick<Config, "ports">): Promise<void> {
  const known = new Set(inForce.ports.map(({ write }) => write?.file));
  const problems = await Promise.all(
    wanted.ports.map(async ({ write }, i) => {
      const problem = write && !known.has(write.file) ? await foreseeProblem(write.file) : undefined;
      return problem === undefined ? [] : [`ports[${i}].write: ${problem}, wanted a file that can be written`];
    }),
  );
  if (problems.flat().length > 0) throw new Error(problems.flat().join("\n"));
}

async function serveCapture(name: string, threads: number, events: EventRecord): Promise<Served> {
  let deaths = 0;
  const capture: Capture = await openCapture({
    interface: name,
    threads,
    onChange(news) {
      if (news.state === "down") deaths++;
      events.add("capture", { interface: name, ...news });
    },
  });
  return {
    memory: capture.memory,
    begin() {},
    settled: Promise.resolve(),
    close: capture.close,
    state: () => ({ capture: { process: capture.process() ?? null, deaths } }),
    isDown: () => capture.process() === undefined,
  };
}

function serveFiles(
  { read, write, mac }: PortConfig,
  beside: { name: string; mac: number; memory: ServedMemory; unwritten: readonly SharedArrayBuffer[] },
  events: EventRecord,
): Served {
  const { name, memory } = beside;
  let reading: NonNullable<FileState["read"]>["state"] = "waiting";
  let readProblem: string | null = null;
  let writeProblem: string | null = null;
  const onChange = (news: CaptureFileNews): void => {
    if (news.state === "reading" || news.state === "over") reading = news.state;
    else if (news.state === "failed") {
      reading = "failed";
      readProblem = `${news.offset === undefined ? "" : `offset ${news.offset}: `}${news.problem}`;
    } else if (news.state === "unwritable") writeProblem = news.problem;
    else if (news.state === "ended") {
      if (reading === "waiting" || reading === "reading") [reading, readProblem] = ["ended", news.problem];
      writeProblem ??= news.problem;
    }
    const about = news.state === "writing" || news.state === "unwritable" ? write : read;
    events.add("capture-file", { interface: name, ...(news.state === "ended" ? {} : { file: about?.file }), ...news });
  };
  const open: CaptureFile = openCaptureFile({
    ...beside,
    read: read && { ...read, isToAnyMac: mac === undefined },
    write,
    onChange,
  });
  return {
    memory,
    begin: open.begin,
    settled: open.settled,
    close: open.close,
    state: () => ({
      files: {
        ...(read ? { read: { file: read.file, state: reading, problem: readProblem } } : {}),
        ...(write ? { write: { file: write.file, problem: writeProblem } } : {}),
      },
    }),
    isDown: () => false,
  };
}
