/** BFD sessions as FRR's `show bfd peers json` names them; and what became of them, as events. */
import type { Bfd } from "../bfd/bfd.ts";
import { diagnosticName } from "../bfd/packet.ts";
import type { BfdChange, BfdSessionView } from "../bfd/sessions.ts";
import { compareAddresses, formatAddress } from "../net/address.ts";

const STATUS = { AdminDown: "shutdown", Down: "down", Init: "init", Up: "up" } as const;

export const describeBfdSessions = ({ views }: ReturnType<Bfd["state"]>, nowMs: number) =>
  views.toSorted((a, b) => compareAddresses(a.address, b.address)).map((view) => describeSession(view, nowMs));

function describeSession(view: BfdSessionView, nowMs: number) {
  const { timers, remote, state } = view;
  const seconds = Math.floor((nowMs - view.sinceMs) / 1000);
  return {
    multihop: view.multihop,
    peer: formatAddress(view.address),
    ...(view.localAddress === undefined ? {} : { local: formatAddress(view.localAddress) }),
    ...(view.multihop ? { "minimum-ttl": view.minimumTtl } : {}),
    id: view.discriminator,
    "remote-id": remote.discriminator,
    "passive-mode": timers.passive,
    status: STATUS[state],
    ...(state === "Up" ? { uptime: seconds } : { downtime: seconds }),
    diagnostic: diagnosticName(view.diagnostic),
    "remote-diagnostic": diagnosticName(remote.diagnostic),
    "remote-status": STATUS[remote.state],
    "receive-interval": timers.minRxMs,
    "transmit-interval": timers.minTxMs,
    "echo-receive-interval": timers.minEchoRxMs,
    "echo-transmit-interval": 0,
    "detect-multiplier": timers.multiplier,
    "remote-receive-interval": remote.minRxMs,
    "remote-transmit-interval": remote.minTxMs,
    "remote-echo-receive-interval": remote.minEchoRxMs,
    "remote-detect-multiplier": remote.multiplier,
    // What follows from both sides; not in FRR.
    "detection-time": view.detectionTimeMs ?? null,
    "transmit-interval-in-force": view.transmitIntervalMs ?? null,
    "control-packet-input": view.received,
    "control-packet-output": view.sent,
    "session-up": view.timesUp,
    "session-down": view.timesDown,
  };
}

/** A round trip takes less than this: times are told to a thousandth of a millisecond. */
const rounded = (milliseconds: number | undefined): number | undefined =>
  milliseconds === undefined ? undefined : Math.round(milliseconds * 1000) / 1000;

export function describeBfdChange(change: BfdChange): Record<string, unknown> {
  const { to, diagnostic, remoteState, silentMs, detectionTimeMs, atMs, address } = change;
  if (to === "Up") return { peer: formatAddress(address) };
  return {
    peer: formatAddress(address),
    reason: diagnosticName(diagnostic),
    remoteState,
    silentMs: rounded(silentMs),
    detectionTimeMs: rounded(detectionTimeMs),
    // By BFD's own thread, on the clock of `atMs`: that one is when the main thread took note.
    detectedAtMs: atMs,
  };
}
