/**
 * Capabilities of OPEN (RFC 5492): one row of the table for each that we can read. One that we cannot, or whose value makes
 * no sense, is kept as `unknown` and otherwise ignored: that is what the RFC asks, and what newer speakers rely on.
 *
 *   capability:  code (1) | length (1) | value
 */
import { decodeText, encodeText, joinBytes, read16, read32, uint16, uint32 } from "./bytes.ts";
import { CAPABILITY } from "./iana.ts";
import type { Family } from "./nlri.ts";

export const ADD_PATH = { receive: 1, send: 2, both: 3 } as const;

export type Capability =
  | { readonly name: "multiprotocol"; readonly family: Family }
  | { readonly name: "route-refresh" }
  /** The families whose next hop may be of another one. */
  | {
      readonly name: "extended-next-hop";
      readonly families: readonly { readonly family: Family; readonly nextHopAfi: number }[];
    }
  | { readonly name: "extended-message" }
  | { readonly name: "role"; readonly role: number }
  | {
      readonly name: "graceful-restart";
      readonly restarting: boolean;
      /** RFC 8538. */
      readonly notification: boolean;
      readonly restartTimeSeconds: number;
      readonly families: readonly { readonly family: Family; readonly forwardingPreserved: boolean }[];
    }
  | { readonly name: "four-octet-as"; readonly asn: number }
  | { readonly name: "add-path"; readonly families: readonly { readonly family: Family; readonly direction: number }[] }
  | { readonly name: "enhanced-route-refresh" }
  | {
      readonly name: "long-lived-graceful-restart";
      readonly families: readonly { readonly family: Family; readonly staleTimeSeconds: number }[];
    }
  | { readonly name: "fqdn"; readonly hostname: string; readonly domain: string }
  | { readonly name: "unknown"; readonly code: number; readonly value: Uint8Array };

type Named<Name> = Extract<Capability, { name: Name }>;

interface CapabilityRow<Name extends Capability["name"]> {
  readonly code: number;
  /** Undefined if the value makes no sense. */
  decode(value: Uint8Array): Named<Name> | undefined;
  encode(capability: Named<Name>): Uint8Array;
}

const flag = <Name extends "route-refresh" | "extended-message" | "enhanced-route-refresh">(code: number, name: Name) => ({
  code,
  decode: (value: Uint8Array) => (value.length === 0 ? ({ name } as Named<Name>) : undefined),
  encode: () => new Uint8Array(0),
});

const RESTARTING = 0x8;
const NOTIFICATION = 0x4;
const FORWARDING_PRESERVED = 0x80;

const ROWS: { readonly [Name in Exclude<Capability["name"], "unknown">]: CapabilityRow<Name> } = {
  multiprotocol: {
    code: CAPABILITY.multiprotocol,
    decode: (value) =>
      value.length === 4 ? { name: "multiprotocol", family: { afi: read16(value, 0), safi: value[3] } } : undefined,
    encode: ({ family }) => Uint8Array.of(...uint16(family.afi), 0, family.safi),
  },
  "route-refresh": flag(CAPABILITY.routeRefresh, "route-refresh"),
  "extended-next-hop": {
    code: CAPABILITY.extendedNextHop,
    decode: (value) => {
      if (value.length % 6 !== 0) return undefined;
      const families = rows(value, 6).map((at) => ({
        // SAFI has two bytes here, as nowhere else.
        family: { afi: read16(at, 0), safi: read16(at, 2) },
        nextHopAfi: read16(at, 4),
      }));
      return { name: "extended-next-hop", families };
    },
    encode: ({ families }) =>
      joinBytes(
        ...families.map(({ family, nextHopAfi }) => [...uint16(family.afi), ...uint16(family.safi), ...uint16(nextHopAfi)]),
      ),
  },
  "extended-message": flag(CAPABILITY.extendedMessage, "extended-message"),
  role: {
    code: CAPABILITY.role,
    decode: (value) => (value.length === 1 ? { name: "role", role: value[0] } : undefined),
    encode: ({ role }) => Uint8Array.of(role),
  },
  "graceful-restart": {
    code: CAPABILITY.gracefulRestart,
    decode: (value) => {
      if (value.length % 4 !== 2) return undefined;
      const families = rows(value.subarray(2), 4).map((at) => ({
        family: { afi: read16(at, 0), safi: at[2] },
        forwardingPreserved: (at[3] & FORWARDING_PRESERVED) !== 0,
      }));
      return {
        name: "graceful-restart",
        restarting: ((value[0] >>> 4) & RESTARTING) !== 0,
        notification: ((value[0] >>> 4) & NOTIFICATION) !== 0,
        restartTimeSeconds: read16(value, 0) & 0xfff,
        families,
      };
    },
    encode: ({ restarting, notification, restartTimeSeconds, families }) => {
      const flags = (restarting ? RESTARTING : 0) | (notification ? NOTIFICATION : 0);
      const encoded = families.map(({ family, forwardingPreserved }) => [
        ...uint16(family.afi),
        family.safi,
        forwardingPreserved ? FORWARDING_PRESERVED : 0,
      ]);
      return joinBytes(uint16((flags << 12) | restartTimeSeconds), ...encoded);
    },
  },
  "four-octet-as": {
    code: CAPABILITY.fourOctetAs,
    decode: (value) => (value.length === 4 ? { name: "four-octet-as", asn: read32(value, 0) } : undefined),
    encode: ({ asn }) => Uint8Array.from(uint32(asn)),
  },
  "add-path": {
    code: CAPABILITY.addPath,
    decode: (value) => {
      if (value.length % 4 !== 0) return undefined;
      return {
        name: "add-path",
        families: rows(value, 4).map((at) => ({ family: { afi: read16(at, 0), safi: at[2] }, direction: at[3] })),
      };
    },
    encode: ({ families }) =>
      joinBytes(...families.map(({ family, direction }) => [...uint16(family.afi), family.safi, direction])),
  },
  "enhanced-route-refresh": flag(CAPABILITY.enhancedRouteRefresh, "enhanced-route-refresh"),
  "long-lived-graceful-restart": {
    code: CAPABILITY.longLivedGracefulRestart,
    decode: (value) => {
      if (value.length % 7 !== 0) return undefined;
      const families = rows(value, 7).map((at) => ({
        family: { afi: read16(at, 0), safi: at[2] },
        staleTimeSeconds: (at[4] << 16) | read16(at, 5),
      }));
      return { name: "long-lived-graceful-restart", families };
    },
    encode: ({ families }) =>
      joinBytes(
        ...families.map(({ family, staleTimeSeconds }) => [
          ...uint16(family.afi),
          family.safi,
          0,
          staleTimeSeconds >>> 16,
          ...uint16(staleTimeSeconds),
        ]),
      ),
  },
  fqdn: {
    code: CAPABILITY.fqdn,
    decode: (value) => {
      const hostnameEnd = 1 + value[0];
      const domainEnd = hostnameEnd + 1 + value[hostnameEnd];
      // NaN, from bytes that are not there, is unequal too.
      if (domainEnd !== value.length) return undefined;
      const hostname = decodeText(value.subarray(1, hostnameEnd));
      return { name: "fqdn", hostname, domain: decodeText(value.subarray(hostnameEnd + 1, domainEnd)) };
    },
    encode: ({ hostname, domain }) => {
      const [host, rest] = [encodeText(hostname), encodeText(domain)];
      return joinBytes([host.length], host, [rest.length], rest);
    },
  },
};

type AnyRow = CapabilityRow<Capability["name"]>;
const ROW_OF_CODE = new Map<number, AnyRow>(Object.values(ROWS).map((row) => [row.code, row as unknown as AnyRow]));

/** The rows of equal length that a value is made of. */
const rows = (value: Uint8Array, length: number): Uint8Array[] =>
  Array.from({ length: value.length / length }, (_, i) => value.subarray(length * i, length * (i + 1)));

/** The capabilities in one optional parameter; undefined if one of them is cut off. */
export function decodeCapabilities(bytes: Uint8Array): Capability[] | undefined {
  const capabilities: Capability[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + 2 + bytes[offset + 1];
    if (!(end <= bytes.length)) return undefined;
    const code = bytes[offset];
    const value = Uint8Array.from(bytes.subarray(offset + 2, end));
    capabilities.push(ROW_OF_CODE.get(code)?.decode(value) ?? { name: "unknown", code, value });
    offset = end;
  }
  return capabilities;
}

export function encodeCapability(capability: Capability): Uint8Array {
  if (capability.name === "unknown") return joinBytes([capability.code, capability.value.length], capability.value);
  const row = ROWS[capability.name] as AnyRow;
  const value = row.encode(capability);
  return joinBytes([row.code, value.length], value);
}

export const findCapability = <Name extends Capability["name"]>(
  capabilities: readonly Capability[],
  name: Name,
): Named<Name> | undefined => capabilities.find((capability): capability is Named<Name> => capability.name === name);
