/** Steps that wait for what the speaker says on the connection of the script, and judge it. */
import { formatHex } from "../../bgp/bytes.ts";
import type { BgpError } from "../../bgp/error.ts";
import { bgpError } from "../../bgp/error.ts";
import type { Message } from "../../bgp/message.ts";
import { fail, noAnswer, type Outcome, pass, type Step, step, warn } from "../check.ts";
import type { Arrival } from "../connection.ts";
import { errorData, errorNumbers } from "../describe.ts";
import type { Stage } from "../stage.ts";

/** For an answer that is due at once; KEEPALIVEs come every second meanwhile. */
export const ANSWER_MS = 6000;
/** Of an accepted message, the second KEEPALIVE is the proof: the first may have been on its way. */
const KEEPALIVES_OF_THE_LIVING = 2;

const named = (code: number, subcode: number): string => errorNumbers(bgpError(code, subcode));

export interface NotificationWanted {
  /** More answers that the RFCs allow. */
  readonly also?: readonly (readonly [code: number, subcode: number])[];
  /** What its data field must begin with. */
  readonly data?: readonly number[];
  /** Verdict on a speaker that takes what we sent and goes on. */
  readonly ignored?: (saw: string) => Outcome;
}

/** That it says what is wrong, and closes. */
export const expectNotification = (code: number, subcode: number, wanted: NotificationWanted = {}): Step =>
  step(`expect NOTIFICATION ${named(code, subcode)}, then the end of the connection`, async (stage) => {
    const { ignored = fail } = wanted;
    const endMs = stage.until(ANSWER_MS);
    let keepalives = 0;
    for (;;) {
      const arrival = await stage.connection?.next(endMs);
      if (arrival === undefined) return keepalives > 0 ? ignored("it took no notice") : noAnswer("silence");
      if (arrival.kind === "closed") return fail("it closed the connection without a NOTIFICATION");
      if (arrival.kind === "garbage") return fail("it sent what is no BGP message");
      if (arrival.message.kind === "notification") {
        return judgeNotification(arrival.message.error, code, subcode, wanted) ?? (await expectEnd(stage, arrival.message.error));
      }
      if (arrival.message.kind === "keepalive" && ++keepalives === KEEPALIVES_OF_THE_LIVING) return ignored("it took no notice");
    }
  });

function judgeNotification(error: BgpError, code: number, subcode: number, wanted: NotificationWanted): Outcome | undefined {
  const accepted = [[code, subcode], ...(wanted.also ?? [])];
  if (!accepted.some(([c, s]) => c === error.code && s === error.subcode)) {
    const verdict = error.code === code ? warn : fail;
    return verdict(`NOTIFICATION ${errorNumbers(error)}, ${named(code, subcode)} wanted`, errorData(error));
  }
  const { data } = wanted;
  if (data && !data.every((byte, index) => byte === error.data[index])) {
    return warn(`NOTIFICATION ${errorNumbers(error)}, not with data ${formatHex(Uint8Array.from(data))}`, errorData(error));
  }
  return undefined;
}

async function expectEnd(stage: Stage, error: BgpError): Promise<Outcome> {
  const endMs = stage.until(ANSWER_MS);
  for (;;) {
    const arrival = await stage.connection?.next(endMs);
    if (arrival === undefined) return warn(`NOTIFICATION ${errorNumbers(error)}, but the connection stays open`);
    if (arrival.kind === "closed") return pass(`NOTIFICATION ${errorNumbers(error)}`);
    if (arrival.kind === "garbage") return fail("it sent what is no BGP message");
  }
}

/** What ends a session that should have lived. */
export function brokenBy(arrival: Arrival): Outcome | undefined {
  if (arrival.kind === "closed") return fail("it closed the connection");
  if (arrival.kind === "garbage") return fail("it sent what is no BGP message");
  if (arrival.message.kind === "notification") {
    const { error } = arrival.message;
    return fail(`it ended the session: ${errorNumbers(error)}`, errorData(error));
  }
  return undefined;
}

/** That the session lives on. */
export const expectAlive = (): Step =>
  step("expect that the session lives: two KEEPALIVEs", async (stage) => {
    let keepalives = 0;
    return await read(
      stage,
      ({ kind }) => (kind === "keepalive" && ++keepalives === KEEPALIVES_OF_THE_LIVING ? pass("the session lives") : undefined),
      noAnswer("no KEEPALIVE within six seconds"),
    );
  });

/** Reads until `judge` has an answer, the session breaks, or the deadline has passed. */
export async function read(
  stage: Stage,
  judge: (message: Message, arrival: Arrival & { kind: "message" }) => Outcome | undefined,
  late: Outcome,
  deadlineMs = ANSWER_MS,
): Promise<Outcome> {
  const endMs = stage.until(deadlineMs);
  for (;;) {
    const arrival = await stage.connection?.next(endMs);
    if (arrival === undefined) return late;
    const outcome = brokenBy(arrival) ?? (arrival.kind === "message" ? judge(arrival.message, arrival) : undefined);
    if (outcome) return outcome;
  }
}

/** A judgment of the OPEN that the speaker has sent. */
export const inspectOpen = (what: string, judge: (open: NonNullable<Stage["peerOpen"]>, stage: Stage) => Outcome): Step =>
  step(`look at ${what}`, async (stage) => (stage.peerOpen ? judge(stage.peerOpen, stage) : noAnswer("it sent no OPEN")));
