/**
 * What serves the ports of a running router that have no rings: libpcap's capture for the kind pcap-live, files for the kind
 * capture-file. All threads share them. What becomes of them (a process that dies, a file that ends) is an event.
 */
import type { Config } from "../config/schema.ts";
import { type Capture, openCapture } from "../port/capture.ts";
import { type CaptureFile, createFileMemory, openCaptureFile } from "../port/capture-file.ts";
import type { CaptureFileNews } from "../port/capture-file-thread.ts";
import type { InterfaceInfo } from "../port/interface.ts";
import { type ServedMemory, wakeBy } from "../port/served-memory.ts";
import type { EventRecord } from "./events.ts";
import { isOverFiles } from "./port-facts.ts";

export type Captures = Awaited<ReturnType<typeof openCaptures>>;

type PortConfig = Config["ports"][number];

/** What a port over files is shown as; `problem` is null where there is none. */
export interface FileState {
  readonly read?: {
    readonly file: string;
    readonly state: "waiting" | "reading" | "over" | "failed";
    readonly problem: string | null;
  };
  readonly write?: { readonly file: string; readonly problem: string | null };
}

/** What serves one port. */
interface Served {
  readonly memory: ServedMemory;
  /** Nothing comes by it before. */
  begin(): void;
  close(): Promise<unknown>;
  /** Beside the port, in what is shown of it. */
  state(): { readonly capture?: { process: number | null; deaths: number }; readonly files?: FileState };
  isDown(): boolean;
}

/** `facts`: of the ports. `threads`: the workers and the slow path. */
export async function openCaptures(
  { ports }: Pick<Config, "ports">,
  facts: readonly Pick<InterfaceInfo, "name" | "mac">[],
  threads: number,
  events: EventRecord,
) {
  const served: (Served | undefined)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(served.map((one) => one?.close()));
  };
  const files = ports.map((port) => (isOverFiles(port) ? createFileMemory(threads) : undefined));
  const unwritten = files.flatMap((memory) => memory?.sent ?? []);
  try {
    for (const [i, port] of ports.entries()) {
      const { name, mac } = facts[i];
      const memory = files[i];
      if (memory) served.push(serveFiles(port, { name, mac, memory, unwritten }, events));
      else served.push(port.kind === "pcap-live" ? await serveCapture(name, threads, events) : undefined);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    memoryOf: (port: number): ServedMemory | undefined => served[port]?.memory,

    /** Signaled when there are frames for the worker that receives them. */
    wakeBy(descriptor: number): void {
      for (const one of served) if (one) wakeBy(one.memory, descriptor);
    },

    begin(): void {
      for (const one of served) one?.begin();
    },

    /** What is shown of what serves the port; undefined: it has a ring. */
    state: (port: number) => served[port]?.state(),
    isDown: (port: number): boolean => served[port]?.isDown() ?? false,
    stop,
  };
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
    if (news.state === "reading") reading = "reading";
    else if (news.state === "over") {
      const where = news.offset === undefined ? "" : `offset ${news.offset}: `;
      reading = news.problem === undefined ? "over" : "failed";
      readProblem = news.problem === undefined ? null : `${where}${news.problem}`;
    } else if (news.state === "unwritable") writeProblem = news.problem;
    if (news.state !== "closed")
      events.add("capture-file", { interface: name, file: (news.state === "unwritable" ? write : read)?.file, ...news });
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
