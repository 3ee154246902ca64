/**
 * One interface, several VLANs, a subnet each: hosts made by hand, all on the same cable, that the router connects with each
 * other. The kernel forwards too where nobody keeps it from that. Beside it a lone port with tags, whose addresses the kernel has.
 *
 *   h-trunk0 ══ trunk0: untagged 10.0.1.0/24 (the kernel's own), 10, 20, and 7 within 20          h-lone0 ══ lone0: 30
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { type Ipv6Address, parseAddress } from "#src/net/address.ts";
import { systemClock } from "#src/net/clock.ts";
import { formatMac } from "#src/net/mac.ts";
import { findInterface } from "#src/port/interface.ts";
import { ARP_OPERATION, decodeArp, encodeArp } from "#src/wire/arp.ts";
import { decodeNeighborMessage, encodeAdvertisement } from "#src/wire/neighbor-discovery.ts";
import { accountedFor } from "../common/counters.ts";
import { ECMP, type Program, start } from "../common/host.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { obstacleOf } from "../common/package.ts";
import { until } from "../common/until.ts";
import { makePacket, makePacket6, tagFrame } from "../dataplane/packets.ts";
import { echoRequest } from "../port/frames.ts";
import { hasTags, untagged, WireEnd } from "./wire-end.ts";

interface WireHost {
  readonly port: string;
  readonly ip: string;
  readonly ip6?: string;
  readonly gateway: string;
  readonly mac: number;
  readonly tags: readonly { readonly type?: number; readonly id: number }[];
  /** As they come from the router. */
  readonly tagBytes: string;
}

const HOSTS: readonly WireHost[] = [
  {
    port: "trunk0.10",
    ip: "10.0.10.2",
    ip6: "2001:db8:10::2",
    gateway: "10.0.10.1",
    mac: 0x02000000000a,
    tags: [{ id: 10 }],
    tagBytes: "8100000a",
  },
  { port: "trunk0", ip: "10.0.1.2", gateway: "10.0.1.1", mac: 0x020000000001, tags: [], tagBytes: "" },
  { port: "trunk0.20", ip: "10.0.20.2", gateway: "10.0.20.1", mac: 0x020000000014, tags: [{ id: 20 }], tagBytes: "81000014" },
  {
    port: "trunk0.20.7",
    ip: "10.0.27.2",
    ip6: "2001:db8:27::2",
    gateway: "10.0.27.1",
    mac: 0x02000000001b,
    tags: [{ type: 0x88a8, id: 20 }, { id: 7 }],
    tagBytes: "88a8001481000007",
  },
];
const [TEN, PLAIN, TWENTY, TWICE] = HOSTS;
/** In TEN's VLAN, too. */
const SECOND: WireHost = { ...TEN, ip: "10.0.10.3", mac: 0x02000000010a };
const PAIRS = HOSTS.flatMap((from) => HOSTS.filter((to) => to !== from).map((to) => [from, to] as const));
const SERVICE_PORT = 53;

const address = (text: string) => parseAddress(text) as number;
const hex = (mac: number): string => mac.toString(16).padStart(12, "0");
const routerMac = (name = "trunk0"): string => hex(findInterface(name).mac);

const whoHas = ({ ip, mac, tags }: WireHost, target: string): Buffer =>
  tagFrame(
    Buffer.from(
      encodeArp({
        operation: ARP_OPERATION.request,
        senderMac: mac,
        senderAddress: address(ip),
        targetMac: 0,
        targetAddress: address(target),
      }),
    ),
    ...tags,
  );
const isReplyTo =
  ({ mac, tagBytes }: WireHost) =>
  (frame: Buffer): boolean => {
    if (!hasTags(frame, tagBytes, "0806") || frame.readUIntBE(0, 6) !== mac) return false;
    return decodeArp(untagged(frame, tagBytes), 0, frame.length)?.operation === ARP_OPERATION.reply;
  };
const ping = (from: WireHost, to: string, identifier: number): Buffer => {
  const frame = Buffer.from(echoRequest(formatMac(findInterface("trunk0").mac), from.ip, to, identifier));
  frame.writeUIntBE(from.mac, 6, 6);
  return tagFrame(frame, ...from.tags);
};
const isEchoReply =
  ({ tagBytes }: WireHost, identifier: number) =>
  (frame: Buffer): boolean =>
    isIpv4For(frame, tagBytes) && at(frame, tagBytes, 34) === 0 && untagged(frame, tagBytes).readUInt16BE(38) === identifier;
const isIpv4For = (frame: Buffer, tagBytes: string): boolean => hasTags(frame, tagBytes, "0800");
const at = (frame: Buffer, tagBytes: string, offset: number): number => untagged(frame, tagBytes)[offset];
const packet = (from: WireHost, to: string, { ttl = 64, sourcePort = 40_000 } = {}): Buffer =>
  tagFrame(
    makePacket({
      to: routerMac(),
      from: hex(from.mac),
      source: from.ip,
      destination: to,
      protocol: 17,
      ttl,
      sourcePort,
      destinationPort: SERVICE_PORT,
    }),
    ...from.tags,
  );
const isPacketTo = (frame: Buffer, { mac, tagBytes, ip }: WireHost, from: WireHost): boolean => {
  if (!isIpv4For(frame, tagBytes) || frame.readUIntBE(0, 6) !== mac) return false;
  const bytes = untagged(frame, tagBytes);
  return bytes[23] === 17 && bytes.readUInt32BE(26) === address(from.ip) && bytes.readUInt32BE(30) === address(ip);
};
/** A host that is asked for its MAC says it. */
const answerTo = (frame: Buffer): Uint8Array | undefined => {
  for (const { ip, mac, tags, tagBytes } of [...HOSTS, SECOND]) {
    const question = hasTags(frame, tagBytes, "0806") ? decodeArp(untagged(frame, tagBytes), 0, frame.length) : undefined;
    if (question?.operation !== ARP_OPERATION.request || question.targetAddress !== address(ip)) continue;
    const { senderMac: targetMac, senderAddress: targetAddress } = question;
    const reply = { operation: ARP_OPERATION.reply, senderMac: mac, senderAddress: address(ip), targetMac, targetAddress };
    return tagFrame(Buffer.from(encodeArp(reply)), ...tags);
  }
  for (const { ip6, mac, tags, tagBytes } of HOSTS) {
    if (ip6 === undefined || !hasTags(frame, tagBytes, "86dd")) continue;
    const plain = untagged(frame, tagBytes);
    const question = decodeNeighborMessage(plain, 0, plain.length);
    const target = parseAddress(ip6) as Ipv6Address;
    if (question?.kind !== "solicitation" || question.target !== target) continue;
    const asker = { mac: plain.readUIntBE(6, 6), address: question.source };
    return tagFrame(Buffer.from(encodeAdvertisement({ mac, target, asker })), ...tags);
  }
  return undefined;
};
/** All that is no neighbor's question, nor what IPv6 says by itself. */
const isOfInterest = (frame: Buffer): boolean => {
  const text = frame.subarray(12).toString("hex");
  return !/^(8100....|88a8....)*(0806|86dd)/.test(text);
};

const KINDS = ["packet-ring", "pcap-live"] as const;

await inNamespace(import.meta.url, () => {
  describe.each(KINDS)("a router on a stick, by %s", (kind) => {
    const obstacle = kind === "pcap-live" ? obstacleOf("cap") : undefined;
    if (obstacle) return void test.skip(`a trunk by libpcap: ${obstacle}`);
    const folder = mkdtempSync(join(tmpdir(), "ecmp-stick-"));
    const [control, file] = ["control.sock", "router.yaml"].map((name) => join(folder, name));
    // biome-ignore lint/suspicious/noExplicitAny: the test that asks knows the shape, and fails where it is another.
    const show = (what: string): Promise<any> => askOnce(control, { show: [what] });
    const untilAsync = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
      const endMs = systemClock.nowMs() + 20_000;
      while (!(await holds())) if (systemClock.nowMs() > endMs) throw new Error(`not within twenty seconds: ${what}`);
    };
    let router: Program;
    let trunk: WireEnd;
    let lone: WireEnd;

    const plug = (): void => {
      createCable("h-trunk0", "trunk0");
      run("ip addr add 10.0.1.1/24 dev trunk0");
      // The kernel asks again after a while, and might do so while nobody listens.
      run(`ip neigh replace 10.0.1.2 lladdr ${formatMac(PLAIN.mac)} nud permanent dev trunk0`);
      trunk = new WireEnd("h-trunk0", answerTo);
    };
    /** Each host asks for its gateway, as hosts do: who asks is known from then on. */
    const greet = (): void => {
      for (const host of [...HOSTS, SECOND]) {
        trunk.send(whoHas(host, host.gateway));
        const reply = untagged(trunk.receive(isReplyTo(host)), host.tagBytes);
        expect(decodeArp(reply, 0, reply.length)).toMatchObject({
          senderMac: findInterface("trunk0").mac,
          senderAddress: address(host.gateway),
        });
      }
    };
    /**
     * What is of interest among all that comes: so many frames, and whatever else until the answers to two pings. What is not there
     * by then does not come.
     */
    const hear = (count: number): Buffer[] => {
      const heard: Buffer[] = [];
      while (heard.length < count) heard.push(trunk.receive(isOfInterest));
      for (const [host, identifier] of [
        [TEN, 0xfe01],
        [PLAIN, 0xfe02],
      ] as const) {
        trunk.send(ping(host, host.gateway, identifier));
        heard.push(...trunk.receiveUntil(isEchoReply(host, identifier)).slice(0, -1).filter(isOfInterest));
      }
      return heard;
    };
    const portsByName = async () =>
      new Map<string, { state: string; addresses: string[]; counters: Record<string, number> }>(
        (await show("ports")).map((port: { interface: string }) => [port.interface, port]),
      );

    beforeAll(async () => {
      run("ip link set lo up");
      plug();
      createCable("h-lone0", "lone0");
      run("ip addr add 10.0.30.1/24 dev lone0");
      lone = new WireEnd("h-lone0");
      for (const family of ["ipv4", "ipv6"]) writeFileSync(`/proc/sys/net/${family}/conf/all/forwarding`, "1");
      writeFileSync(
        file,
        `
ports:
  - {interface: trunk0, vlan: 10, addresses: [10.0.10.1/24, "2001:db8:10::1/64"], kind: ${kind}}
  - {interface: trunk0, kind: ${kind}}
  - {interface: trunk0, vlan: 20, addresses: [10.0.20.1/24], kind: ${kind}}
  - {interface: trunk0, vlan: [20, 7], addresses: [10.0.27.1/24, "2001:db8:27::1/64"], kind: ${kind}}
  - {interface: lone0, vlan: 30, kind: ${kind}}
workers: 2
`,
      );
      router = start([process.execPath, ECMP, "run", file, "--control", control]);
      expect(await router.line()).toBe("ready");
      // The first frame of a capture is lost.
      for (const end of [trunk, lone]) end.send(tagFrame(makePacket(), { id: 99 }));
    }, 60_000);

    afterAll(() => {
      router?.child.kill("SIGKILL");
      for (const end of [trunk, lone]) end?.close();
      for (const end of ["trunk0", "lone0"]) run(`ip link delete dev ${end}`);
      run("nft flush ruleset");
      rmSync(folder, { recursive: true });
    });

    test("is a port for each VLAN, named and addressed as such", { timeout: 60_000 }, async () => {
      const ports = await portsByName();
      expect([...ports.keys()]).toEqual([...HOSTS.map(({ port }) => port), "lone0.30"]);
      for (const { port } of HOSTS) expect(ports.get(port)).toMatchObject({ state: "up" });
      for (const { port, gateway } of HOSTS) expect(ports.get(port)?.addresses[0]).toBe(`${gateway}/24`);
      greet();
    });

    test("routes between all of them: other tags, a lower TTL, once, by the interface it came in by", {
      timeout: 60_000,
    }, async () => {
      const before = await portsByName();
      for (const [from, to] of PAIRS) trunk.send(packet(from, to.ip));
      const heard = hear(PAIRS.length);
      for (const [from, to] of PAIRS) {
        const frames = heard.filter((frame) => isPacketTo(frame, to, from));
        expect(frames, `${from.ip} to ${to.ip}`).toHaveLength(1);
        const [bytes] = frames.map((frame) => untagged(frame, to.tagBytes));
        expect([hex(bytes.readUIntBE(6, 6)), bytes[22]]).toEqual([routerMac(), 63]);
        expect(bytes.subarray(26)).toEqual(
          untagged(packet(from, to.ip), from.tags.length === 0 ? "" : from.tagBytes).subarray(26),
        );
      }
      expect(heard).toHaveLength(PAIRS.length);
      await untilAsync("each port has counted its own", async () => {
        const after = await portsByName();
        const grown = (port: string, name: string): number =>
          (after.get(port)?.counters[name] ?? 0) - (before.get(port)?.counters[name] ?? 0);
        const isTransit = (name: string): boolean => HOSTS.every(({ port }) => grown(port, name) >= HOSTS.length - 1);
        return isTransit("receivedFrames") && isTransit("transmittedFrames");
      });
    });

    test("sends back into a VLAN what came out of it, and no redirect (RFC 1812 would allow one)", {
      timeout: 60_000,
    }, async () => {
      trunk.send(packet(TEN, SECOND.ip));
      const heard = hear(1);
      expect(heard).toHaveLength(1);
      expect(isPacketTo(heard[0], SECOND, TEN)).toBe(true);
    });

    test("answers for all its gateways where they are asked for with tags, and tells with them what went wrong", {
      timeout: 60_000,
    }, async () => {
      for (const host of [TEN, TWENTY, TWICE]) {
        for (const { gateway } of HOSTS) {
          trunk.send(ping(host, gateway, 7));
          const reply = untagged(trunk.receive(isEchoReply(host, 7)), host.tagBytes);
          expect(reply.readUInt32BE(26)).toBe(address(gateway));
        }
        trunk.send(packet(host, PLAIN.ip, { ttl: 1 }));
        const error = untagged(
          trunk.receive((frame) => isIpv4For(frame, host.tagBytes) && at(frame, host.tagBytes, 34) === 11),
          host.tagBytes,
        );
        expect([error[23], error.readUInt32BE(26)]).toEqual([1, address(host.gateway)]);
        // Another's gateway is not where the host is.
        trunk.send(whoHas(host, PLAIN.gateway), whoHas(host, host.gateway));
        const reply = untagged(trunk.receive(isReplyTo(host)), host.tagBytes);
        expect(decodeArp(reply, 0, reply.length)?.senderAddress).toBe(address(host.gateway));
      }
    });

    test("has IPv6 beside it", { timeout: 60_000 }, async () => {
      const [source, destination] = ["2001:db8:10::2", "2001:db8:27::2"].map((text) => parseAddress(text) as string);
      trunk.send(tagFrame(makePacket6({ to: routerMac(), from: hex(TEN.mac), source, destination }), ...TEN.tags));
      const question = trunk.receive((frame) => hasTags(frame, TWICE.tagBytes, "86dd") && at(frame, TWICE.tagBytes, 54) === 135);
      expect(untagged(question, TWICE.tagBytes).subarray(62, 78).toString("hex")).toBe(destination);
      const asked = await show("neighbors");
      expect(asked.find((neighbor: { address: string }) => neighbor.address === "2001:db8:27::2").interface).toBe(TWICE.port);
    });

    test("routes IPv6 from one VLAN to another and back: other tags, a lower hop limit, the rest as it was, once", {
      timeout: 60_000,
    }, async () => {
      const [ten, twice] = [TEN, TWICE].map((host) => ({ host, ip6: parseAddress(host.ip6 as string) as Ipv6Address }));
      const sent = [
        [ten, twice],
        [twice, ten],
      ].map(([from, to], i) => {
        const [source, destination] = [from.ip6, to.ip6];
        const ends = { to: routerMac(), from: hex(from.host.mac), source, destination };
        return { from, to, frame: makePacket6({ ...ends, protocol: 17, sourcePort: 40_100 + i, flowLabel: 0xabcde }) };
      });
      for (const { from, frame } of sent) trunk.send(tagFrame(frame, ...from.host.tags));
      const isPacket = (heard: Buffer, { to, frame }: (typeof sent)[number]): boolean =>
        hasTags(heard, to.host.tagBytes, "86dd") && untagged(heard, to.host.tagBytes).subarray(22).equals(frame.subarray(22));
      const heard: Buffer[] = [];
      while (!sent.every((one) => heard.some((frame) => isPacket(frame, one)))) heard.push(trunk.receive(() => true));
      // And no second one, by the time that a ping is answered.
      trunk.send(ping(TEN, TEN.gateway, 0xfe03));
      heard.push(...trunk.receiveUntil(isEchoReply(TEN, 0xfe03)));
      for (const one of sent) {
        const { to, frame } = one;
        const copies = heard.filter((other) => isPacket(other, one)).map((other) => untagged(other, to.host.tagBytes));
        expect(copies).toHaveLength(1);
        const [copy] = copies;
        expect([copy.readUIntBE(0, 6), hex(copy.readUIntBE(6, 6))]).toEqual([to.host.mac, routerMac()]);
        expect([copy[21], copy.subarray(14, 21)]).toEqual([63, frame.subarray(14, 21)]);
      }
    });

    test("takes nothing with tags that no port has; it is dropped by that name, once, and all is accounted for", {
      timeout: 60_000,
    }, async () => {
      hear(0);
      const before = await show("counters");
      const plain = untagged(packet(TEN, TWENTY.ip), TEN.tagBytes);
      const strangers = [[30], [10, 7], [20, 8], [7], [7, 20], [10, 20, 7]];
      for (const ids of strangers) trunk.send(tagFrame(plain, ...ids.map((id) => ({ id }))));
      expect(hear(0)).toEqual([]);
      const after = await show("counters");
      expect(after.dropped["vlan-tagged"] - before.dropped["vlan-tagged"]).toBe(strangers.length);
      expect(after.forwarded).toBe(before.forwarded);
      expect(accountedFor(after)).toBe(after.received);
      await untilAsync("the ports have counted them", async () => {
        const counted = [...(await portsByName()).values()].reduce((sum, { counters }) => sum + counters.receivedFrames, 0);
        return counted === (await show("counters")).received;
      });
    });

    test("is silent without tags where only tags are configured, and so is the kernel", { timeout: 60_000 }, async () => {
      const host: WireHost = { ...TEN, ip: "10.0.30.2", tags: [{ id: 30 }], tagBytes: "8100001e" };
      lone.send(whoHas({ ...host, tags: [] }, "10.0.30.1"), whoHas(host, "10.0.30.1"));
      const heard = lone.receiveUntil(isReplyTo(host));
      expect(heard.filter((frame) => frame.readUIntBE(0, 6) === host.mac)).toHaveLength(1);
    });

    test("its ports have faults of their own", { timeout: 60_000 }, async () => {
      const fault = (...words: string[]) => execFileSync(process.execPath, [ECMP, "fault", ...words, "--control", control]);
      fault("set", "trunk0.20", "--direction", "in", "--lose-pct", "100");
      for (const from of [TWENTY, TEN, TWICE]) trunk.send(packet(from, PLAIN.ip));
      expect(hear(2)).toHaveLength(2);
      fault("clear");
      fault("set", "trunk0.10", "--direction", "in", "--delay-ms", "5");
      for (const from of [TWENTY, TEN, TWICE]) trunk.send(packet(from, PLAIN.ip));
      expect(hear(3)).toHaveLength(3);
      fault("clear");
    });

    test("comes back with all its ports when the interface does", { timeout: 90_000 }, async () => {
      const statesAre = async (state: string): Promise<boolean> => {
        const ports = await portsByName();
        return HOSTS.every(({ port }) => ports.get(port)?.state === state);
      };
      run("ip link set trunk0 down");
      await untilAsync("all are down", () => statesAre("down"));
      run("ip link set trunk0 up");
      await untilAsync("all are up", () => statesAre("up"));
      trunk.close();
      run("ip link delete dev trunk0");
      await untilAsync("all are gone", () => statesAre("gone"));
      plug();
      await untilAsync("all are up again", () => statesAre("up"));
      until("all workers hear again", () => {
        return HOSTS.every((host) => {
          trunk.send(whoHas(host, host.gateway));
          return trunk.hears(isReplyTo(host), 500);
        });
      });
      hear(0);
      greet();
      for (const [from, to] of PAIRS) trunk.send(packet(from, to.ip));
      const heard = hear(PAIRS.length);
      for (const [from, to] of PAIRS) expect(heard.filter((frame) => isPacketTo(frame, to, from))).toHaveLength(1);
      const counters = await show("counters");
      expect(accountedFor(counters)).toBe(counters.received);
    });
  });
});
