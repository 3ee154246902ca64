/** Steps that bring a session about, and those that let it go quiet. */
import { noAnswer, outcome, type Step, step, type Verdict } from "../check.ts";
import { errorData, errorNumbers } from "../describe.ts";
import { type OpenFields, openBytes } from "../messages.ts";
import { agreeOn, greet, meet } from "../session.ts";
import type { Stage } from "../stage.ts";

/** A speaker that was made to fail may rest for a while before it talks to us again: as long as the check may take. */
const MEETING_MS = Number.POSITIVE_INFINITY;

type Fields = OpenFields | ((stage: Stage) => OpenFields);

const fieldsOf = (fields: Fields, stage: Stage): OpenFields => (typeof fields === "function" ? fields(stage) : fields);

export const connect = (): Step =>
  step("connect, read its OPEN", async (stage) => {
    const reason = await greet(stage, stage.until(MEETING_MS));
    return reason === undefined ? undefined : noAnswer(reason);
  });

export const sendOpen = (what: string, fields: Fields = {}): Step =>
  step(`send OPEN ${what}`, async (stage) => {
    stage.connection?.send(`OPEN ${what}`, openBytes(stage, fieldsOf(fields, stage)));
    if (stage.connection) agreeOn(stage, stage.connection, fieldsOf(fields, stage));
    return undefined;
  });

/** `refused`: the verdict on a speaker that does not take this OPEN. */
export const establish = (what = "", fields: Fields = {}, refused: Verdict = "no-answer"): Step =>
  step(`establish${what === "" ? "" : ` with ${what}`}`, async (stage) => {
    const meeting = await meet(stage, fieldsOf(fields, stage), stage.until(MEETING_MS));
    if (meeting.kind === "established") return undefined;
    if (meeting.kind === "refused")
      return outcome(refused, `it refuses our OPEN: ${errorNumbers(meeting.error)}`, errorData(meeting.error));
    if (meeting.kind === "closed") return outcome(refused, meeting.reason);
    return noAnswer(meeting.reason);
  });

export const goQuiet = (): Step =>
  step("send nothing any more", async (stage) => {
    stage.connection?.quiet();
    stage.atMs = stage.clock.nowMs();
    return undefined;
  });

export const send = (what: string, build: (stage: Stage) => Uint8Array): Step =>
  step(`send ${what}`, async (stage) => {
    stage.connection?.send(what, build(stage));
    return undefined;
  });
