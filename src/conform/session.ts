/**
 * From nothing to Established on the connection of a stage, for scripts that need a session and for the observer. A speaker
 * may be damped after what another check did to it, so whatever ends before it has begun is tried again.
 */
import type { Capability } from "../bgp/capabilities.ts";
import type { BgpError } from "../bgp/error.ts";
import { ERROR } from "../bgp/iana.ts";
import { IPV4_UNICAST } from "../bgp/nlri.ts";
import { delay } from "../net/clock.ts";
import type { RawConnection } from "./connection.ts";
import { HOLD_TIME_SECONDS, type OpenFields, openBytes, standardCapabilities } from "./messages.ts";
import type { Stage } from "./stage.ts";

/** How long a speaker that was spoken to may take for its first word. */
const OPEN_MS = 3000;
/** And for its answer to our OPEN. */
const ANSWER_MS = 6000;
const RETRY_PAUSE_MS = 100;
const GARBAGE = "it sent what is no BGP message";
/** How often it may end what has hardly begun before that is taken for its answer. */
const ATTEMPTS = 3;

/** Connects and waits for the speaker's OPEN; in words why there is none. A speaker that wants ours first gets its way. */
export async function greet(stage: Stage, endMs: number): Promise<string | undefined> {
  for (;;) {
    const connection = await stage.dial("", endMs);
    if (typeof connection === "string") return connection;
    stage.connection = connection;
    const reason = await awaitOpen(stage, connection, Math.min(endMs, stage.clock.nowMs() + OPEN_MS));
    if (reason === undefined) return undefined;
    connection.close();
    if (reason === GARBAGE || stage.clock.nowMs() + RETRY_PAUSE_MS >= endMs) return reason;
    await delay(stage.clock, RETRY_PAUSE_MS);
  }
}

export async function awaitOpen(stage: Stage, connection: RawConnection, endMs: number): Promise<string | undefined> {
  const arrival = await connection.next(endMs);
  if (arrival === undefined) return undefined;
  if (arrival.kind === "closed") return "it took the connection and closed it";
  if (arrival.kind === "garbage") return GARBAGE;
  if (arrival.message.kind !== "open") return `it sent ${arrival.message.kind.toUpperCase()} before its OPEN`;
  stage.peerOpen = arrival.message;
  return undefined;
}

export type Meeting =
  | { readonly kind: "established" }
  | { readonly kind: "refused"; readonly error: BgpError }
  | { readonly kind: "closed"; readonly reason: string }
  | { readonly kind: "silent"; readonly reason: string };

/** Whatever is the speaker's affair (a Cease, a close) is tried again; that it refuses our OPEN is an answer. */
export async function meet(stage: Stage, fields: OpenFields, endMs: number): Promise<Meeting> {
  let failures = 0;
  for (;;) {
    const reason = await greet(stage, endMs);
    if (reason !== undefined) return { kind: "silent", reason };
    const meeting = await exchange(stage, fields, Math.min(endMs, stage.clock.nowMs() + ANSWER_MS));
    if (meeting.kind === "established") return meeting;
    if (meeting.kind === "refused" && meeting.error.code !== ERROR.cease) return meeting;
    failures++;
    stage.connection?.close();
    if (failures === ATTEMPTS || stage.clock.nowMs() + RETRY_PAUSE_MS >= endMs) return meeting;
    await delay(stage.clock, RETRY_PAUSE_MS);
  }
}

async function exchange(stage: Stage, fields: OpenFields, endMs: number): Promise<Meeting> {
  const { connection } = stage;
  if (!connection) return { kind: "silent", reason: "there is no connection" };
  connection.send("OPEN", openBytes(stage, fields));
  agreeOn(stage, connection, fields);
  for (;;) {
    const arrival = await connection.next(endMs);
    if (arrival === undefined) return { kind: "silent", reason: "our OPEN is not answered" };
    if (arrival.kind === "closed") return { kind: "closed", reason: "it closed the connection after our OPEN" };
    if (arrival.kind === "garbage") return { kind: "closed", reason: GARBAGE };
    const { message } = arrival;
    if (message.kind === "notification") return { kind: "refused", error: message.error };
    if (message.kind === "open") {
      stage.peerOpen = message;
      agreeOn(stage, connection, fields);
    }
    if (message.kind !== "keepalive") continue;
    const holdTimeSeconds = Math.min(fields.holdTimeSeconds ?? HOLD_TIME_SECONDS, stage.peerOpen?.holdTimeSeconds ?? 0);
    // A little sooner than a third, so that a busy machine of ours does not look like a silent one.
    if (holdTimeSeconds > 0) connection.keepAlive(holdTimeSeconds * 250);
    else connection.keepAlive(NEVER_MS);
    return { kind: "established" };
  }
}

/** One KEEPALIVE is due in any case: it says that their OPEN suits us. */
const NEVER_MS = 2 ** 31 - 1;

/** From here on both sides understand the bytes of an UPDATE as their OPENs say. */
export function agreeOn(stage: Stage, connection: RawConnection, fields: OpenFields): void {
  const ours = fields.capabilities ?? (fields.parameters ? [] : standardCapabilities(stage.us.localAsn));
  const both = (name: Capability["name"]) =>
    [ours, stage.peerOpen?.capabilities ?? []].every((some) => some.some((capability) => capability.name === name));
  const peerType = stage.us.localAsn === stage.us.remoteAsn ? "internal" : "external";
  const context = { asnSize: both("four-octet-as") ? 4 : 2, peerType, families: [IPV4_UNICAST] } as const;
  connection.agree(context, both("extended-message"));
}
