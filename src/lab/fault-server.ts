/**
 * Faults by hand, in a lab that stays up: process 1 of it listens on a socket in its own `/run`, where `ecmp lab fault` finds it
 * through `/proc` (`fault-client.ts`). A line of JSON each way: a request, and what is at work then or why nothing was done.
 */
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { type Clock, delay } from "../net/clock.ts";
import type { Cast } from "./cast.ts";
import { LabFailure } from "./failure.ts";
import { FAULTS } from "./fault.ts";
import { mayBefall } from "./fault-consequence.ts";
import { type FaultSettings, faultSettings, makeTarget, type SomeSettings } from "./fault-target.ts";
import type { FaultKind } from "./lab.ts";
import { LAB_DIRECTORY } from "./stage.ts";

export const FAULT_SOCKET = `${LAB_DIRECTORY}/fault.sock`;

export interface FaultRequest {
  readonly action: "begin" | "end" | "list";
  readonly fault?: string | undefined;
  readonly node?: string | undefined;
  readonly settings?: SomeSettings | undefined;
}

export interface ActiveFault extends FaultSettings {
  readonly fault: FaultKind;
  readonly node: string;
}

export type FaultAnswer = { readonly active: readonly ActiveFault[] } | { readonly refused: string };

export function serveFaults(clock: Clock, cast: Cast): void {
  const active: ActiveFault[] = [];
  // One after the other: a fault that ends while it begins would leave half of it behind.
  let turn: Promise<unknown> = Promise.resolve();
  createServer((socket: Socket) => {
    socket.on("error", () => socket.destroy());
    createInterface({ input: socket }).on("line", (line) => {
      turn = turn.then(async () => socket.end(`${JSON.stringify(await answer(clock, cast, active, line))}\n`));
    });
  }).listen(FAULT_SOCKET);
}

async function answer(clock: Clock, cast: Cast, active: ActiveFault[], line: string): Promise<FaultAnswer> {
  try {
    const { action, fault, node: name, settings: given = {} } = JSON.parse(line) as FaultRequest;
    if (action === "list") return { active };
    if (!isFault(fault)) return { refused: `fault: found "${fault}"; wanted one of ${Object.keys(FAULTS).join(", ")}` };
    const names = mayBefall(cast.lab, fault);
    if (!name || !names.includes(name)) return { refused: `node: found "${name}"; wanted one of ${names.join(", ")}` };
    const index = active.findIndex((each) => each.fault === fault && each.node === name);
    if (index >= 0 === (action === "begin")) return { refused: `${fault} is ${index >= 0 ? "" : "not "}at work at ${name}` };
    const settings = faultSettings(given);
    const target = makeTarget(clock, cast, name, active[index] ?? settings);
    if (action === "begin") {
      const { begin, goOn } = FAULTS[fault];
      await begin(target);
      if (goOn) await delay(clock, settings.graceSeconds * 1000);
      await goOn?.(target);
      if (!FAULTS[fault].passes) active.push({ fault, node: name, ...settings });
    } else {
      await FAULTS[fault].end(target);
      active.splice(index, 1);
    }
    return { active };
  } catch (error) {
    if (error instanceof LabFailure || error instanceof SyntaxError) return { refused: error.message };
    throw error;
  }
}

const isFault = (name: string | undefined): name is FaultKind => name !== undefined && Object.hasOwn(FAULTS, name);
