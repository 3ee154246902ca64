/**
 * The flows of a capture that a command was given: all of them, or the mistake with the file's name. What is in no flow is said.
 */
import { type CaptureFlows, type CaptureFlowsOptions, readCaptureFlows } from "../experiment/capture-flows.ts";
import { describeUncaptured } from "../experiment/unknown-fields.ts";
import { fileProblem } from "./file-problem.ts";
import { inputOf } from "./input-file.ts";
import { CommandError, warn } from "./output.ts";
import { describeUnknownLinks } from "./unknown-links.ts";

export const isCapture = (file: string): boolean => /\.(pcap|pcapng|cap)$/.test(file);

/**
 * A capture that is damaged is refused: what is judged by half of its flows is judged wrongly. Throws a RangeError for a hash by
 * packet.
 */
export function loadCaptureFlows(file: string, options: CaptureFlowsOptions): CaptureFlows {
  const found = readFrom(file, options);
  if (found.fault)
    throw new CommandError(`${file}: offset ${found.fault.offset}: ${found.fault.problem}, wanted a whole capture`);
  const uncaptured = options.hashings.flatMap((hashing) => describeUncaptured(hashing.options));
  warn([...describeUnknownLinks(file, found.unknownLinks, "left out"), ...describeOthers(file, found), ...new Set(uncaptured)]);
  if (found.flows === 0)
    throw new CommandError(`${file}: ${found.allPackets} packets and no flow, wanted IP packets that a router forwards`);
  return found;
}

function readFrom(file: string, options: CaptureFlowsOptions): CaptureFlows {
  try {
    return readCaptureFlows(inputOf(file), options);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new CommandError(`${file}: ${fileProblem(error)}`);
  }
}

function describeOthers(file: string, { notForwarded, allPackets }: CaptureFlows): string[] {
  if (notForwarded.size === 0) return [];
  const counts = [...notForwarded].sort(([a], [b]) => (a < b ? -1 : 1)).map(([reason, packets]) => `${reason} ${packets}`);
  const hint = notForwarded.has("truncated") ? "; if it was cut on purpose, --headers-only takes what has its ports" : "";
  return [`${file}: of ${allPackets} packets a router does not forward, and no flow has: ${counts.join(", ")}${hint}`];
}
