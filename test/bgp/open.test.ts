import { describe, expect, test } from "vitest";
import { type Capability, decodeCapabilities, encodeCapability } from "#src/bgp/capabilities.ts";
import { Framer } from "#src/bgp/framer.ts";
import { decodeMessage, type Message } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { decodeOpen, encodeOpen, type OpenMessage } from "#src/bgp/open.ts";
import { SEGMENT } from "#src/bgp/path.ts";
import { parseIpv4 } from "#src/net/address.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { CAPTURES } from "./captures.ts";
import { hex } from "./hex.ts";

const ip = (text: string) => parseIpv4(text) as number;

const unknown = (code: number, value: string): Capability => ({ name: "unknown", code, value: hex(value) });

describe("what real speakers say first", () => {
  const route = (origin: 0 | 2, asn: number, nextHop: string, more: object = {}) => ({
    kind: "update",
    withdrawn: [],
    announcements: [
      {
        prefixes: [parsePrefix("203.0.113.10/32")],
        attributes: { origin, asPath: [{ type: SEGMENT.sequence, asns: [asn] }], nextHop: ip(nextHop), ...more },
      },
    ],
  });

  const wanted: Record<keyof typeof CAPTURES, unknown[]> = {
    "FRR 8.4.4": [
      {
        kind: "open",
        asn: 65001,
        holdTimeSeconds: 180,
        routerId: ip("10.9.0.2"),
        capabilities: [
          { name: "multiprotocol", family: IPV4_UNICAST },
          unknown(128, ""),
          { name: "route-refresh" },
          { name: "enhanced-route-refresh" },
          { name: "four-octet-as", asn: 65001 },
          { name: "extended-message" },
          { name: "add-path", families: [{ family: IPV4_UNICAST, direction: 1 }] },
          { name: "fqdn", hostname: "n1", domain: "" },
          { name: "graceful-restart", restarting: true, notification: true, restartTimeSeconds: 120, families: [] },
          { name: "long-lived-graceful-restart", families: [{ family: IPV4_UNICAST, staleTimeSeconds: 0 }] },
        ],
      },
      { kind: "keepalive" },
      route(0, 65001, "10.9.0.2", { multiExitDiscriminator: 0 }),
    ],
    "BIRD 2.0.12": [
      {
        kind: "open",
        asn: 65002,
        holdTimeSeconds: 240,
        routerId: ip("10.9.0.3"),
        capabilities: [
          { name: "multiprotocol", family: IPV4_UNICAST },
          { name: "route-refresh" },
          { name: "graceful-restart", restarting: false, notification: false, restartTimeSeconds: 120, families: [] },
          { name: "four-octet-as", asn: 65002 },
          { name: "enhanced-route-refresh" },
          { name: "long-lived-graceful-restart", families: [] },
        ],
      },
      { kind: "keepalive" },
      route(0, 65002, "10.9.0.3"),
      { kind: "update", withdrawn: [], announcements: [], endOfRib: IPV4_UNICAST },
    ],
    "GoBGP 3.10.0": [
      {
        kind: "open",
        asn: 65003,
        holdTimeSeconds: 90,
        routerId: ip("10.9.0.4"),
        capabilities: [
          { name: "route-refresh" },
          { name: "fqdn", hostname: "vm", domain: "" },
          { name: "multiprotocol", family: IPV4_UNICAST },
          { name: "four-octet-as", asn: 65003 },
          { name: "extended-next-hop", families: [{ family: IPV4_UNICAST, nextHopAfi: 2 }] },
        ],
      },
      { kind: "keepalive" },
      route(2, 65003, "10.9.0.4"),
    ],
  };

  test.each(Object.keys(CAPTURES) as (keyof typeof CAPTURES)[])("%s", (speaker) => {
    const framer = new Framer();
    framer.push(CAPTURES[speaker]);
    const messages: Message[] = [];
    for (let framing = framer.next(); framing.kind === "message"; framing = framer.next()) {
      const decoded = decodeMessage(framing.type, framing.body, { asnSize: 4, peerType: "external", families: [IPV4_UNICAST] });
      expect(decoded.faults).toEqual([]);
      if ("message" in decoded) messages.push(decoded.message);
    }
    expect(messages).toEqual(wanted[speaker]);
  });
});

describe("OPEN, in both directions", () => {
  const base: OpenMessage = { kind: "open", asn: 65001, holdTimeSeconds: 90, routerId: ip("10.0.0.1"), capabilities: [] };
  const cases: [name: string, open: OpenMessage, body: string][] = [
    ["without capabilities", base, "04 fde9 005a 0a000001 00"],
    ["hold time 0", { ...base, holdTimeSeconds: 0 }, "04 fde9 0000 0a000001 00"],
    [
      "a four-octet AS behind AS_TRANS",
      { ...base, asn: 4200000000, capabilities: [{ name: "four-octet-as", asn: 4200000000 }] },
      "04 5ba0 005a 0a000001 08 0206 4104 fa56ea00",
    ],
    [
      "what MetalLB's native speaker sends",
      {
        ...base,
        capabilities: [
          { name: "multiprotocol", family: IPV4_UNICAST },
          { name: "multiprotocol", family: IPV6_UNICAST },
          { name: "four-octet-as", asn: 65001 },
        ],
      },
      "04 fde9 005a 0a000001 14 0212 0104 00010001 0104 00020001 4104 0000fde9",
    ],
  ];

  test.each(cases)("%s", (_, open, body) => {
    expect(encodeOpen(open)).toEqual(hex(body));
    expect(decodeOpen(hex(body))).toEqual({ value: open });
  });

  test("the extended form of RFC 9072 is read", () => {
    expect(decodeOpen(hex("04 fde9 005a 0a000001 ff ff 0009 02 0006 4104 0000fde9"))).toEqual({
      value: { ...base, capabilities: [{ name: "four-octet-as", asn: 65001 }] },
    });
  });

  test.each([
    ["version 3", "03 fde9 005a 0a000001 00", 1, "0004"],
    ["nothing", "", 0, ""],
    ["parameters shorter than announced", "04 fde9 005a 0a000001 02 02", 0, ""],
    ["parameters longer than announced", "04 fde9 005a 0a000001 00 0200", 0, ""],
    ["a parameter's length overruns (CVE-2022-40302)", "04 fde9 005a 0a000001 02 0201", 0, ""],
    ["a parameter's header is cut off", "04 fde9 005a 0a000001 01 02", 0, ""],
    ["a capability overruns its parameter", "04 fde9 005a 0a000001 04 0202 4104", 0, ""],
    ["a capability is cut after its code", "04 fde9 005a 0a000001 03 0201 41", 0, ""],
    ["extended, cut before its length (CVE-2022-40318)", "04 fde9 005a 0a000001 ff ff 00", 0, ""],
    ["extended, a parameter overruns (CVE-2022-43681)", "04 fde9 005a 0a000001 ff ff 0003 02 ffff", 0, ""],
    ["authentication, long deprecated", "04 fde9 005a 0a000001 03 010100", 4, ""],
  ])("is refused: %s", (_, body, subcode, data) => {
    expect(decodeOpen(hex(body))).toEqual({ error: { code: 2, subcode, data: hex(data) } });
  });

  test("too many capabilities to encode are the caller's mistake", () => {
    const many = Array.from({ length: 50 }, (): Capability => ({ name: "four-octet-as", asn: 1 }));
    expect(() => encodeOpen({ ...base, capabilities: many })).toThrow("300 bytes, at most 253 wanted");
  });
});

describe("capabilities, in both directions", () => {
  const cases: [bytes: string, capability: Capability][] = [
    ["0104 00020001", { name: "multiprotocol", family: IPV6_UNICAST }],
    ["0200", { name: "route-refresh" }],
    ["0506 000100010002", { name: "extended-next-hop", families: [{ family: IPV4_UNICAST, nextHopAfi: 2 }] }],
    ["0600", { name: "extended-message" }],
    ["0901 03", { name: "role", role: 3 }],
    ["4002 0078", { name: "graceful-restart", restarting: false, notification: false, restartTimeSeconds: 120, families: [] }],
    [
      "400a cfff 00010180 00020100",
      {
        name: "graceful-restart",
        restarting: true,
        notification: true,
        restartTimeSeconds: 4095,
        families: [
          { family: IPV4_UNICAST, forwardingPreserved: true },
          { family: IPV6_UNICAST, forwardingPreserved: false },
        ],
      },
    ],
    ["4104 fa56ea00", { name: "four-octet-as", asn: 4200000000 }],
    [
      "4508 00010103 00020102",
      {
        name: "add-path",
        families: [
          { family: IPV4_UNICAST, direction: 3 },
          { family: IPV6_UNICAST, direction: 2 },
        ],
      },
    ],
    ["4600", { name: "enhanced-route-refresh" }],
    [
      "4707 00020100 015180",
      { name: "long-lived-graceful-restart", families: [{ family: IPV6_UNICAST, staleTimeSeconds: 86400 }] },
    ],
    ["4909 026e31 056c6f63616c", { name: "fqdn", hostname: "n1", domain: "local" }],
    ["ff03 010203", unknown(255, "010203")],
  ];

  test.each(cases)("%s", (bytes, capability) => {
    expect(encodeCapability(capability)).toEqual(hex(bytes));
    expect(decodeCapabilities(hex(bytes))).toEqual([capability]);
  });

  test.each([
    ["multiprotocol of 3 bytes", "0103 000100", 1, "000100"],
    ["route refresh with a value", "0201 00", 2, "00"],
    ["extended next hop of 4 bytes", "0504 00010001", 5, "00010001"],
    ["a role of 2 bytes", "0902 0003", 9, "0003"],
    ["long-lived graceful restart of 4 bytes", "4704 00010180", 71, "00010180"],
    ["graceful restart of 3 bytes", "4003 007800", 64, "007800"],
    ["graceful restart of none", "4000", 64, ""],
    ["four-octet AS of 2 bytes", "4102 fde9", 65, "fde9"],
    ["add-path of 5 bytes", "4505 0001010300", 69, "0001010300"],
    ["a host name that overruns", "4902 056e", 73, "056e"],
    ["a host name without a domain", "4903 026e31", 73, "026e31"],
  ])("one that makes no sense is kept raw: %s", (_, bytes, code, value) => {
    expect(decodeCapabilities(hex(bytes))).toEqual([unknown(code, value)]);
  });

  test("one that is kept raw is a copy: the socket's buffer is used again", () => {
    const bytes = Buffer.from(hex("ff03 010203"));
    const kept = decodeCapabilities(bytes);
    bytes.fill(0);
    expect(kept).toEqual([unknown(255, "010203")]);
  });

  test("a host name cannot write to a terminal", () => {
    const [fqdn] = decodeCapabilities(hex("4906 031b5b6d 010a")) ?? [];
    expect(fqdn).toEqual({ name: "fqdn", hostname: "[m", domain: "" });
  });
});
