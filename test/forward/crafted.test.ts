/**
 * A router whose ports belong to VLANs, between hosts made by hand: kernels without 802.1Q have no such hosts to offer. On the left
 * frames have two tags, on the right another one, and both links have an MTU of 9000.
 *
 *   10.0.1.2 -- h-port0 ══ port0 (VLANs 100, 7) [router] port1 (VLAN 200) ══ h-port1 -- 10.0.11.2
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatAddress, parseAddress } from "#src/net/address.ts";
import { formatMac } from "#src/net/mac.ts";
import { findInterface } from "#src/port/interface.ts";
import { decodeArp, encodeArp } from "#src/wire/arp.ts";
import { decodeNeighborMessage, encodeSolicitation } from "#src/wire/neighbor-discovery.ts";
import { accountedFor } from "../common/counters.ts";
import { ECMP, type Program, start } from "../common/host.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { makePacket, tagFrame } from "../dataplane/packets.ts";
import { echoRequest, sumOfWords } from "../port/frames.ts";
import { hasTags, untagged, WireEnd } from "./wire-end.ts";

const address = (text: string) => parseAddress(text) as number;
const LEFT = { ip: "10.0.1.2", mac: 0x0200000000c1, tags: [{ type: 0x88a8, id: 100 }, { id: 7 }] };
const RIGHT = { ip: "10.0.11.2", mac: 0x020000000a0b, tags: [{ id: 200 }] };
const LEFT_TAGS = "88a8006481000007";
const RIGHT_TAGS = "810000c8";
const SERVICE_PORT = 53;
const MTU = 9000;
const TWO_TAGS = 8;

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-crafted-"));
  const control = join(folder, "control.sock");
  let router: Program;
  let left: WireEnd;
  let right: WireEnd;
  const routerMac = (port: string): string => formatMac(findInterface(port).mac).replaceAll(":", "");

  const isArpWith = (tags: string) => (frame: Buffer) => hasTags(frame, tags, "0806");
  const isIpWith = (tags: string) => (frame: Buffer) => hasTags(frame, tags, "0800");

  const show = (what = "counters") =>
    JSON.parse(spawnSync(process.execPath, [ECMP, "show", what, "--json", "--control", control], { encoding: "utf8" }).stdout);

  const SIDES = () => [
    { ring: left, port: "port0", host: LEFT, ourIp: "10.0.1.1", ourIp6: "2001:db8:1::1", tags: LEFT_TAGS },
    { ring: right, port: "port1", host: RIGHT, ourIp: "10.0.11.1", ourIp6: "2001:db8:11::1", tags: RIGHT_TAGS },
  ];

  /** Answers what is asked, with the tags of the question. */
  const answer = (ring: WireEnd, { ip, mac, tags }: typeof LEFT, port: string, ourIp: string, question: Buffer): void => {
    const asked = decodeArp(question, 0, question.length);
    expect(asked).toMatchObject({ operation: 1, targetAddress: address(ip), senderAddress: address(ourIp) });
    const senderAddress = address(ip);
    const targetMac = findInterface(port).mac;
    const targetAddress = address(ourIp);
    ring.send(
      tagFrame(Buffer.from(encodeArp({ operation: 2, senderMac: mac, senderAddress, targetMac, targetAddress })), ...tags),
    );
  };

  const toRight = (payloadBytes: number, fill = 0x5a): Buffer => {
    const frame = makePacket({
      to: routerMac("port0"),
      source: LEFT.ip,
      destination: RIGHT.ip,
      protocol: 17,
      destinationPort: SERVICE_PORT,
      payloadBytes,
    });
    return tagFrame(frame.fill(fill, 42), ...LEFT.tags);
  };

  beforeAll(async () => {
    run("ip link set lo up");
    for (const [i, port] of ["port0", "port1"].entries()) {
      createCable(`h-${port}`, port);
      for (const end of [port, `h-${port}`]) run(`ip link set ${end} mtu ${MTU}`);
      run(`ip addr add 10.0.${i === 0 ? 1 : 11}.1/24 dev ${port}`);
      writeFileSync(`/proc/sys/net/ipv6/conf/${port}/disable_ipv6`, "0");
      run(`ip addr add 2001:db8:${i === 0 ? 1 : 11}::1/64 dev ${port} nodad`);
    }
    [left, right] = ["h-port0", "h-port1"].map((name) => new WireEnd(name));
    const file = join(folder, "router.yaml");
    writeFileSync(file, "ports: [{interface: port0, vlan: [100, 7]}, {interface: port1, vlan: 200}]\n");
    router = start([process.execPath, ECMP, "run", file, "--control", control]);
    expect(await router.line()).toBe("ready");
  }, 30_000);

  afterAll(() => {
    router?.child.kill("SIGKILL");
    for (const part of [left, right]) part?.close();
    rmSync(folder, { recursive: true });
  });

  describe("a router on VLANs, with jumbo frames", () => {
    test("asks with its port's tag, and what waited leaves with it", { timeout: 60_000 }, () => {
      const sent = toRight(100);
      left.send(sent);
      answer(right, RIGHT, "port1", "10.0.11.1", untagged(right.receive(isArpWith(RIGHT_TAGS)), RIGHT_TAGS));
      const frame = right.receive(isIpWith(RIGHT_TAGS));
      expect([frame.readUIntBE(0, 6), frame.readUIntBE(6, 6)]).toEqual([RIGHT.mac, findInterface("port1").mac]);
      expect(untagged(frame, RIGHT_TAGS).subarray(26)).toEqual(untagged(sent, LEFT_TAGS).subarray(26));
      expect(untagged(frame, RIGHT_TAGS)[22]).toBe(63);
    });

    test("carries jumbo frames whole", { timeout: 60_000 }, () => {
      const sent = toRight(MTU - TWO_TAGS - 28, 0x17);
      left.send(sent);
      const frame = right.receive((one) => isIpWith(RIGHT_TAGS)(one) && one.length > 1000);
      expect(untagged(frame, RIGHT_TAGS).subarray(26)).toEqual(untagged(sent, LEFT_TAGS).subarray(26));
    });

    test("follows a neighbor who says that he has another MAC", { timeout: 60_000 }, () => {
      const moved = 0x020000000a99;
      const own = address(RIGHT.ip);
      const gratuitous = encodeArp({ operation: 1, senderMac: moved, senderAddress: own, targetMac: 0, targetAddress: own });
      right.send(tagFrame(Buffer.from(gratuitous), ...RIGHT.tags));
      let tries = 0;
      for (let mac = 0; mac !== moved; tries++) {
        left.send(toRight(100));
        const frame = right.receive(isIpWith(RIGHT_TAGS));
        mac = frame.readUIntBE(0, 6);
        expect([RIGHT.mac, moved]).toContain(mac);
      }
      expect(tries).toBeGreaterThan(0);
    });

    test("answers with both tags, in their order, where its port has two", { timeout: 60_000 }, () => {
      const back = makePacket({ to: routerMac("port1"), source: RIGHT.ip, destination: LEFT.ip, protocol: 17 });
      right.send(tagFrame(back, ...RIGHT.tags));
      answer(left, LEFT, "port0", "10.0.1.1", untagged(left.receive(isArpWith(LEFT_TAGS)), LEFT_TAGS));
      const frame = left.receive(isIpWith(LEFT_TAGS));
      expect(frame.readUIntBE(0, 6)).toBe(LEFT.mac);
      expect(untagged(frame, LEFT_TAGS).subarray(26)).toEqual(back.subarray(26));
    });

    test("knows how much of an MTU is left between two tags, and says it", { timeout: 60_000 }, () => {
      const back = (bytes: number) =>
        makePacket({
          to: routerMac("port1"),
          source: RIGHT.ip,
          destination: LEFT.ip,
          protocol: 17,
          fragment: 0x4000,
          payloadBytes: bytes - 28,
        });
      right.send(tagFrame(back(MTU - TWO_TAGS + 1), ...RIGHT.tags));
      const error = untagged(right.receive(isIpWith(RIGHT_TAGS)), RIGHT_TAGS);
      expect([error[23], error[34], error[35], error.readUInt16BE(40)]).toEqual([1, 3, 4, MTU - TWO_TAGS]);
      right.send(tagFrame(back(MTU - TWO_TAGS), ...RIGHT.tags));
      const whole = left.receive((one) => isIpWith(LEFT_TAGS)(one) && one.length > 1000);
      expect(untagged(whole, LEFT_TAGS).subarray(26)).toEqual(back(MTU - TWO_TAGS).subarray(26));
      expect(show().dropped).toMatchObject({ "egress-refused": 0, "too-big": 1 });
      expect(show("ports").map(({ mtu, packetMtu }: Record<string, number>) => [mtu, packetMtu])).toEqual([
        [MTU, MTU - TWO_TAGS],
        [MTU, MTU],
      ]);
    });

    test("tells whoever asks with its tags, one or two, where its addresses are, and answers pings", { timeout: 60_000 }, () => {
      for (const { ring, port, host, ourIp, ourIp6, tags } of SIDES()) {
        const ask = (text: string) =>
          encodeArp({
            operation: 1,
            senderMac: host.mac,
            senderAddress: address(host.ip),
            targetMac: 0,
            targetAddress: address(text),
          });
        const originated = show().slowPath.originated;
        // What is nobody's is asked for first: an answer would come first, too.
        for (const text of [host.ip, ourIp]) ring.send(tagFrame(Buffer.from(ask(text)), ...host.tags));
        const isReply = (frame: Buffer) => hasTags(frame, tags, "0806") && untagged(frame, tags)[21] === 2;
        const reply = untagged(ring.receive(isReply), tags);
        expect(decodeArp(reply, 0, reply.length)).toEqual({
          operation: 2,
          senderMac: findInterface(port).mac,
          senderAddress: address(ourIp),
          targetMac: host.mac,
          targetAddress: address(host.ip),
        });
        expect([reply.readUIntBE(0, 6), reply.readUIntBE(6, 6)]).toEqual([host.mac, findInterface(port).mac]);

        const target = parseAddress(ourIp6) as string;
        const source = `${target.slice(0, 31)}2`;
        ring.send(tagFrame(Buffer.from(encodeSolicitation({ sourceMac: host.mac, source, target })), ...host.tags));
        const isAdvertisement = (frame: Buffer) => hasTags(frame, tags, "86dd") && untagged(frame, tags)[54] === 136;
        const advertisement = untagged(ring.receive(isAdvertisement), tags);
        const said = decodeNeighborMessage(advertisement, 0, advertisement.length);
        const { mac } = findInterface(port);
        expect(said).toEqual({ kind: "advertisement", target, solicited: true, override: true, mac });
        expect([advertisement.readUIntBE(0, 6), advertisement.subarray(38, 54).toString("hex")]).toEqual([host.mac, source]);

        const mine = formatMac(mac);
        for (const [from, to] of [
          [host.ip, ourIp],
          [formatAddress(source), ourIp6],
        ]) {
          // The tests' frames come from a MAC of their own, which is where the answer goes.
          const request = Buffer.from(echoRequest(mine, from, to, 7));
          ring.send(tagFrame(request, ...host.tags));
          const [ethertype, type] = to.includes(":") ? ["86dd", 54] : ["0800", 34];
          const isEcho = (frame: Buffer) =>
            hasTags(frame, tags, ethertype) && [0, 129].includes(untagged(frame, tags)[type]) && frame[5] === 1;
          const echo = untagged(ring.receive(isEcho), tags);
          expect(echo.readUIntBE(0, 6)).toBe(request.readUIntBE(6, 6));
          expect(echo.subarray(type + 4)).toEqual(request.subarray(type + 4));
          const addresses = type === 34 ? [26, 30, 34] : [22, 38, 54];
          const [s, d, e] = addresses;
          expect([echo.subarray(s, d), echo.subarray(d, e)]).toEqual([request.subarray(d, e), request.subarray(s, d)]);
          const pseudo = type === 34 ? [] : [...echo.subarray(22, 54), 0, echo.length - 54, 0, 58];
          expect(sumOfWords([...pseudo, ...echo.subarray(type)])).toBe(0xffff);
        }
        expect(show().slowPath.originated - originated).toBeGreaterThanOrEqual(4);
      }
    });

    test("takes nothing from another VLAN, or from none, and has counted every frame", { timeout: 60_000 }, async () => {
      const before = show();
      const plain = makePacket({ to: routerMac("port0"), source: LEFT.ip, destination: RIGHT.ip, protocol: 17 });
      left.send(plain);
      for (const ids of [[100], [100, 8], [7, 100], [100, 7, 1]]) left.send(tagFrame(plain, ...ids.map((id) => ({ id }))));
      let after = show();
      while (after.received < before.received + 5) after = show();
      expect(after.dropped["vlan-missing"] - before.dropped["vlan-missing"]).toBe(1);
      expect(after.dropped["vlan-tagged"] - before.dropped["vlan-tagged"]).toBe(4);
      expect(after.forwarded).toBe(before.forwarded);
      expect(accountedFor(after)).toBe(after.received);
    });
  });
});
