/** The flows of a capture that a command was given: all of them, or the mistake with the file's name. */
import { type CaptureFlows, readCaptureFlows } from "../experiment/capture-flows.ts";
import { fileProblem } from "./file-problem.ts";
import { inputOf } from "./input-file.ts";
import { CommandError, warn } from "./output.ts";
import { describeUnknownLinks } from "./unknown-links.ts";

export const isCapture = (file: string): boolean => /\.(pcap|pcapng|cap)$/.test(file);

/** A capture that is damaged is refused: what is judged by half of its flows is judged wrongly. */
export function loadCaptureFlows(file: string): CaptureFlows {
  const found = readFrom(file);
  if (found.fault)
    throw new CommandError(`${file}: offset ${found.fault.offset}: ${found.fault.problem}, wanted a whole capture`);
  warn(describeUnknownLinks(file, found.unknownLinks, "left out"));
  if (found.flows.length === 0) throw new CommandError(`${file}: ${found.packets} packets and no flow, wanted IP packets`);
  return found;
}

function readFrom(file: string): CaptureFlows {
  try {
    return readCaptureFlows(inputOf(file));
  } catch (error) {
    throw new CommandError(`${file}: ${fileProblem(error)}`);
  }
}
