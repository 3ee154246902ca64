/**
 * Faults by hand, in a lab that stays up: process 1 of it listens on a socket in its own `/run`, where `ecmp lab fault` finds it
 * through `/proc` (`fault-client.ts`). A line of JSON each way: a request, and what is at work then or why nothing was done. Who
 * asked may be gone before it is done; it is done all the same.
 */
import { createServer, type Socket } from "node:net";
import { z } from "zod";
import type { Clock } from "../net/clock.ts";
import type { Cast } from "./cast.ts";
import { LabFailure } from "./failure.ts";
import { FAULTS } from "./fault.ts";
import { mayBefall } from "./fault-consequence.ts";
import { type SomeSettings, settingsShape, type ToldFault, whyUnheeded } from "./fault-setting.ts";
import { FaultsAtWork } from "./faults-at-work.ts";
import { FAULT_KINDS, type FaultKind, type Lab } from "./lab.ts";
import { whyNoPlace } from "./pod-guest.ts";
import { LAB_DIRECTORY } from "./stage.ts";

export const FAULT_SOCKET = `${LAB_DIRECTORY}/fault.sock`;
/** No request is longer. */
const MOST_BYTES = 65_536;

export interface FaultRequest {
  readonly action: "begin" | "end" | "list";
  readonly fault?: string | undefined;
  readonly node?: string | undefined;
  readonly settings?: SomeSettings | undefined;
}

export type FaultAnswer = { readonly active: readonly ToldFault[] } | { readonly refused: string };

export function serveFaults(clock: Clock, cast: Cast): void {
  const faults = new FaultsAtWork(clock, cast);
  createServer((socket: Socket) => {
    socket.on("error", () => socket.destroy());
    let asked = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      asked += text;
      const end = asked.indexOf("\n");
      if (asked.length > MOST_BYTES) socket.destroy();
      else if (end >= 0)
        void answer(faults, cast.lab, asked.slice(0, end)).then((said) => socket.end(`${JSON.stringify(said)}\n`));
    });
  }).listen(FAULT_SOCKET);
}

async function answer(faults: FaultsAtWork, lab: Lab, line: string): Promise<FaultAnswer> {
  try {
    const request = readRequest(line, lab);
    return { active: "action" in request ? await faults.list() : await faults[request.does](request.told) };
  } catch (error) {
    if (error instanceof LabFailure) return { refused: error.message };
    throw error;
  }
}

const requestSchema = z.object({
  action: z.enum(["begin", "end", "list"]),
  fault: z.string().optional(),
  node: z.string().optional(),
  settings: z.record(z.string(), z.unknown()).default({}),
});

type ReadRequest = { readonly action: "list" } | { readonly does: "begin" | "end"; readonly told: ToldFault };

function readRequest(line: string, lab: Lab): ReadRequest {
  const result = requestSchema.safeParse(fromJson(line));
  if (!result.success) throw new LabFailure("request", line.slice(0, 80), "{action: begin | end | list, fault, node, settings}");
  const { action, fault, node, settings } = result.data;
  if (action === "list") return { action };
  if (!isFault(fault)) throw new LabFailure("fault", `found "${fault}"`, `one of ${FAULT_KINDS.join(", ")}`);
  const names = mayBefall(lab, fault);
  if (!node || !names.includes(node)) throw new LabFailure("node", `found "${node}"`, `one of ${names.join(", ")}`);
  const told = { ...readSettings(fault, settings), fault, node };
  const place = whyNoPlace(lab, told);
  if (place !== undefined) throw new LabFailure("to", `found "${told.to}"`, place);
  return { does: action, told };
}

function readSettings(fault: FaultKind, given: Readonly<Record<string, unknown>>): SomeSettings {
  const result = z.strictObject(settingsShape(fault)).safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const [key, message] =
    issue.code === "unrecognized_keys"
      ? [issue.keys[0], whyUnheeded(fault, issue.keys[0])]
      : [String(issue.path[0]), issue.message];
  throw new LabFailure(key, JSON.stringify(given[key]), message.replace(/^wanted /, ""));
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isFault = (name: string | undefined): name is FaultKind => name !== undefined && Object.hasOwn(FAULTS, name);
