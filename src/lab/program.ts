/**
 * What is played in a lab, and how it is told: the experiment that its file holds (`experiment-program.ts`), or the strategies of a
 * scenario file (`strategies-program.ts`). `perform.ts` plays either in the same way.
 */
import type { LabFailure } from "./failure.ts";
import type { Lab } from "./lab.ts";
import type { Scenario } from "./scenario.ts";
import type { SpeakerReport } from "./speakers.ts";
import type { PlayedScenario } from "./strategies.ts";

export interface Program {
  readonly lab: Lab;
  readonly scenarios: readonly Scenario[];
  /** The lab as it is set for one of them. */
  labFor(scenario: Scenario): Lab;
  /** While it is played (`Tell` of `timeline.ts`). */
  told(scenario: Scenario, kind: string, atMs: number, detail: object): void;
  learned(speakers: readonly SpeakerReport[]): void;
  played(one: PlayedScenario): void;
  /** One could not be played. Who throws it on gives the others up. */
  failed(scenario: Scenario, failure: LabFailure): void;
  /** Tells the result; the exit code. */
  end(): number;
}
