/**
 * The BFD control packet (RFC 5880 4.1) as bytes and as a value, with the part of section 6.8.6 that needs no session: what is
 * wrong with a packet by itself is the name of a drop. Intervals are microseconds here, as on the wire.
 *
 *    0  version (3) | diagnostic (5)
 *    1  state (2) | P | F | C | A | D | M
 *    2  detect multiplier        3  length
 *    4  my discriminator         8  your discriminator
 *   12  desired min TX          16  required min RX          20  required min echo RX
 */
const CONTROL_LENGTH = 24;

const VERSION = 1;
const FLAG = { poll: 0x20, final: 0x10, independent: 0x08, authenticated: 0x04, demand: 0x02, multipoint: 0x01 } as const;

/** By number. */
export const STATES = ["AdminDown", "Down", "Init", "Up"] as const;
export type State = (typeof STATES)[number];

/** By number (RFC 5880 4.1). */
const DIAGNOSTICS = [
  "ok",
  "control detection time expired",
  "echo function failed",
  "neighbor signaled session down",
  "forwarding plane reset",
  "path down",
  "concatenated path down",
  "administratively down",
  "reverse concatenated path down",
] as const;

export const DIAGNOSTIC = { none: 0, detectionTimeExpired: 1, neighborSignaledDown: 3, administrativelyDown: 7 } as const;

export const diagnosticName = (diagnostic: number): string => DIAGNOSTICS[diagnostic] ?? `diagnostic ${diagnostic}`;

export interface ControlPacket {
  readonly diagnostic: number;
  readonly state: State;
  readonly poll: boolean;
  readonly final: boolean;
  /** C: the sender's BFD does not die with its control plane. */
  readonly independent: boolean;
  readonly demand: boolean;
  readonly multiplier: number;
  readonly myDiscriminator: number;
  /** 0: it knows of no session. */
  readonly yourDiscriminator: number;
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
  readonly requiredMinEchoRxUs: number;
}

/** Why packets are dropped: some by themselves, some for want of a session, some as they came. */
export const DROPS = [
  "version",
  "length",
  "multiplier",
  "multipoint",
  "my-discriminator",
  "your-discriminator",
  "authentication",
  "ttl",
  "unknown-session",
  "echo",
] as const;
export type Drop = (typeof DROPS)[number];

export type Decoded = { readonly packet: ControlPacket } | { readonly drop: Drop };

/** We use no authentication (section 6.7): a packet that has some is not for a session of ours. */
export function decodeControl(bytes: Uint8Array): Decoded {
  const drop = objection(bytes);
  if (drop) return { drop };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const packet: ControlPacket = {
    diagnostic: bytes[0] & 0x1f,
    state: STATES[bytes[1] >> 6],
    poll: (bytes[1] & FLAG.poll) !== 0,
    final: (bytes[1] & FLAG.final) !== 0,
    independent: (bytes[1] & FLAG.independent) !== 0,
    demand: (bytes[1] & FLAG.demand) !== 0,
    multiplier: bytes[2],
    myDiscriminator: view.getUint32(4),
    yourDiscriminator: view.getUint32(8),
    desiredMinTxUs: view.getUint32(12),
    requiredMinRxUs: view.getUint32(16),
    requiredMinEchoRxUs: view.getUint32(20),
  };
  if (packet.myDiscriminator === 0) return { drop: "my-discriminator" };
  const isBeginning = packet.state === "Down" || packet.state === "AdminDown";
  if (packet.yourDiscriminator === 0 && !isBeginning) return { drop: "your-discriminator" };
  return { packet };
}

function objection(bytes: Uint8Array): Drop | undefined {
  if (bytes.length < CONTROL_LENGTH) return "length";
  if (bytes[0] >> 5 !== VERSION) return "version";
  if (bytes[3] < CONTROL_LENGTH || bytes[3] > bytes.length) return "length";
  if (bytes[2] === 0) return "multiplier";
  if (bytes[1] & FLAG.multipoint) return "multipoint";
  return bytes[1] & FLAG.authenticated ? "authentication" : undefined;
}

export function encodeControl(packet: ControlPacket): Uint8Array {
  const bytes = new Uint8Array(CONTROL_LENGTH);
  const view = new DataView(bytes.buffer);
  const { poll, final, independent, demand } = packet;
  bytes[0] = (VERSION << 5) | packet.diagnostic;
  bytes[1] =
    (STATES.indexOf(packet.state) << 6) |
    (poll ? FLAG.poll : 0) |
    (final ? FLAG.final : 0) |
    (independent ? FLAG.independent : 0) |
    (demand ? FLAG.demand : 0);
  bytes[2] = packet.multiplier;
  bytes[3] = CONTROL_LENGTH;
  view.setUint32(4, packet.myDiscriminator);
  view.setUint32(8, packet.yourDiscriminator);
  view.setUint32(12, packet.desiredMinTxUs);
  view.setUint32(16, packet.requiredMinRxUs);
  view.setUint32(20, packet.requiredMinEchoRxUs);
  return bytes;
}
