/** What faults do to a node's speaker: it is asked for something in its own tongue, or begins anew. */
import { writeFile } from "node:fs/promises";
import { formatAddress } from "../net/address.ts";
import { delay } from "../net/clock.ts";
import { LabFailure } from "./failure.ts";
import type { Target } from "./fault-target.ts";
import type { Service } from "./lab.ts";
import { executeUntilDone } from "./namespace.ts";
import { placeOf } from "./place.ts";
import { SPEAKERS } from "./speaker/kinds.ts";
import { prefixOf, type Speaker, startSpeaker } from "./speakers.ts";

/** A busy speaker is asked again until then. */
const ASK_DEADLINE_MS = 5000;
const FLOOD_DEADLINE_MS = 60_000;
const LOOK_AGAIN_MS = 100;

export function speakerOf({ cast, node }: Target): Speaker {
  const speaker = cast.speakers.find((candidate) => candidate.node.name === node.name);
  if (!speaker) throw new Error(`no speaker plays ${node.name}`);
  return speaker;
}

export async function restartSpeaker({ clock, cast, node }: Target): Promise<void> {
  const index = cast.speakers.findIndex((candidate) => candidate.node.name === node.name);
  const { daemons, plan } = cast.speakers[index];
  await Promise.all(daemons.map((daemon) => daemon.stop(clock)));
  cast.speakers[index] = await startSpeaker(clock, cast.lab, node, placeOf(node.name), plan.directory);
}

export async function ask(
  target: Target,
  what: "withdraw" | "announce" | "repeat" | "reset",
  of?: readonly Service[],
): Promise<void> {
  const { plan } = speakerOf(target);
  const prefixes = of?.map(prefixOf) ?? plan.prefixes;
  if (prefixes.length > 0) await tellSpeaker(target, SPEAKERS[target.node.kind][what]({ ...plan, prefixes }));
}

async function tellSpeaker({ clock, node }: Target, commands: readonly (readonly string[])[]): Promise<void> {
  for (const command of commands) await executeUntilDone(clock, placeOf(node.name)(command), ASK_DEADLINE_MS);
}

export async function flood(target: Target, what: "begin" | "end"): Promise<void> {
  const { plan } = speakerOf(target);
  const plans = SPEAKERS[target.node.kind].flood?.(plan, target.settings.prefixes);
  for (const [name, text] of Object.entries(plans?.files ?? {})) await writeFile(`${plan.directory}/${name}`, text);
  await tellSpeaker(target, plans?.[what] ?? []);
  if (what === "begin") await untilFlooded(target);
}

/** Until the router has counted them all, or has had enough. */
async function untilFlooded({ clock, cast, node, settings: { prefixes } }: Target): Promise<void> {
  const { view } = cast.router;
  const peer = formatAddress(node.address.address);
  for (let waitedMs = 0; waitedMs < FLOOD_DEADLINE_MS; waitedMs += LOOK_AGAIN_MS) {
    const { state, pfxRcd } = (await view.summary())[peer];
    if (state !== "Established" || pfxRcd >= prefixes) return;
    await delay(clock, LOOK_AGAIN_MS);
  }
  throw new LabFailure(
    "prefix-flood",
    `not all of ${prefixes} prefixes of ${node.name}`,
    `them in ${FLOOD_DEADLINE_MS / 1000} s`,
  );
}
