/**
 * A lab's result without a lab: its experiment played on paper, with connections that obey the forecast (but for one, when asked
 * for).
 */
import { loadLab } from "#src/lab/catalog.ts";
import type { Lab } from "#src/lab/lab.ts";
import type { LabResult } from "#src/lab/report.ts";
import { runOf } from "#src/lab/run.ts";
import { SPEAKERS } from "#src/lab/speaker/kinds.ts";
import type { SpeakerReport } from "#src/lab/speakers.ts";
import { playOnPaper, type Tamper } from "./on-paper.ts";

export function makeSpeakers(lab: Lab): SpeakerReport[] {
  return lab.nodes.map(({ name, kind }) => ({
    node: name,
    implementation: SPEAKERS[kind].implementation,
    version: "10.10.10",
    state: "Established",
  }));
}

export function makeLabResult(disobedient: boolean, name = "metallb-bgp"): LabResult {
  const lab = loadLab(name);
  const played = playOnPaper(lab, disobedient ? disobeyOnce() : undefined);
  return { lab, speakers: makeSpeakers(lab), runs: played.map((one) => runOf(lab, one)) };
}

/** The first one that was to break lives. */
function disobeyOnce(): Tamper {
  let done = false;
  return ({ resetAtMs, ...record }) => {
    if (resetAtMs === undefined || done) return resetAtMs === undefined ? record : { ...record, resetAtMs };
    done = true;
    return record;
  };
}
