/**
 * The captures of a running router: one for each port of the kind pcap-live, which all threads share. A capture whose process
 * dies is down until there is another, and both are events.
 */
import type { Config } from "../config/schema.ts";
import { type Capture, openCapture } from "../port/capture.ts";
import type { CaptureMemory } from "../port/pcap-live-memory.ts";
import type { EventRecord } from "./events.ts";

export type Captures = Awaited<ReturnType<typeof openCaptures>>;

/** `names`: the interfaces of the ports. `threads`: the workers and the slow path. */
export async function openCaptures(
  { ports }: Pick<Config, "ports">,
  names: readonly string[],
  threads: number,
  events: EventRecord,
) {
  const captures: (Capture | undefined)[] = [];
  const deaths = names.map(() => 0);
  const stop = async (): Promise<void> => {
    await Promise.all(captures.map((capture) => capture?.close()));
  };
  const open = (port: number): Promise<Capture> =>
    openCapture({
      interface: names[port],
      threads,
      onChange(news) {
        if (news.state === "down") deaths[port]++;
        events.add("capture", { interface: names[port], ...news });
      },
    });
  try {
    for (const [port, { kind }] of ports.entries()) captures.push(kind === "pcap-live" ? await open(port) : undefined);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    memoryOf: (port: number): CaptureMemory | undefined => captures[port]?.memory,

    /** Signaled when there are frames for the worker that receives them. */
    wakeBy(descriptor: number): void {
      for (const capture of captures) capture?.wakeBy(descriptor);
    },

    /** The process of a port's capture (null: there is none now), and how many have died; undefined: the port has a ring. */
    state: (port: number) => captures[port] && { process: captures[port].process() ?? null, deaths: deaths[port] },
    stop,
  };
}
