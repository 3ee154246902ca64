import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { formatAddress, parseAddress, readIpv6 } from "#src/net/address.ts";
import { type InstalledRule, installIngressRule } from "#src/port/ingress-rule.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { PacketWaiter } from "#src/port/packet-waiter.ts";
import { Wake } from "#src/port/wake.ts";
import { ARP_OPERATION, encodeArp } from "#src/wire/arp.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { batchOf, type SeenFrame } from "../common/port.ts";
import { echoRequest, FENCE, tcpSyn, withTag } from "./frames.ts";

const guarded = (...names: string[]) => names.map((name) => ({ name, isTagged: false }));

await inNamespace(import.meta.url, () => {
  // client side `c0` = `r0` router `r1` = `s0` server side. The far ends have no addresses: the test speaks there by hand.
  let rule: InstalledRule | undefined;
  let rings: PacketRing[];
  let router: PacketRing;
  let waiter: PacketWaiter;
  const wake = new Wake();

  beforeAll(() => {
    createCable("c0", "r0");
    createCable("s0", "r1");
    for (const [name, subnet] of [
      ["r0", 1],
      ["r1", 2],
    ] as const) {
      writeFileSync(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, "0");
      run(`ip addr add 10.${subnet}.0.1/24 brd + dev ${name}`);
      run(`ip addr add 2001:db8:${subnet}::1/64 dev ${name} nodad`);
      run(`ip addr add fe80::${subnet}/64 dev ${name} nodad`);
      run(`ip neigh add 10.${subnet}.0.2 lladdr 02:00:00:00:00:0${subnet} dev ${name}`);
      run(`ip neigh add 2001:db8:${subnet}::2 lladdr 02:00:00:00:00:0${subnet} dev ${name}`);
    }
    for (const family of ["ipv4", "ipv6"]) writeFileSync(`/proc/sys/net/${family}/conf/all/forwarding`, "1");
  });

  beforeEach(() => {
    rings = ["c0", "s0", "r0"].map((name) => new PacketRing({ interface: name }));
    router = rings[2];
    waiter = new PacketWaiter(rings, wake.descriptor);
  });

  afterEach(() => {
    rule?.remove();
    rule = undefined;
    for (const ring of rings) ring.close();
  });

  const mac = () => JSON.parse(run("ip -j link show r0"))[0].address as string;

  /**
   * What the kernel answers to the client and forwards to the server, of all that comes before the answer to a ping of an
   * address of the router's: frames are taken in order, so what has not come by then does not come.
   */
  const kernelReaction = (frames: Uint8Array[]) => {
    const [client, server] = rings;
    const fence = echoRequest(mac(), "10.1.0.2", "10.1.0.1", FENCE);
    expect(client.transmit(batchOf([...frames, fence], 0), 0)).toBe(0);
    const answered: SeenFrame[] = [];
    const seen = { answered: 0, forwarded: 0, solicited: 0, atTheRing: 0 };
    for (let turn = 0; turn < 100 && !answered.some(isFence); turn++) {
      waiter.wait(20);
      const heard = drain(client);
      answered.push(...heard.filter(isForTheClient));
      seen.solicited += heard.filter(isSolicitation).length;
      seen.forwarded += drain(server).filter(isForTheServer).length;
      seen.atTheRing += drain(router).filter(({ bytes }) => bytes[0] === Number.parseInt(mac().slice(0, 2), 16)).length;
    }
    expect(answered.filter(isFence)).toHaveLength(1);
    seen.forwarded += drain(server).filter(isForTheServer).length;
    seen.answered = answered.length - 1;
    return { ...seen, atTheRing: seen.atTheRing - 1 };
  };

  /** Crosses the router; needs an answer from it (time exceeded, no route); each in both families. */
  const transit = () => [
    echoRequest(mac(), "10.1.0.2", "10.2.0.2", 1),
    echoRequest(mac(), "2001:db8:1::2", "2001:db8:2::2", 2),
    tcpSyn(mac(), "10.1.0.2", "10.2.0.2", 64),
    tcpSyn(mac(), "2001:db8:1::2", "2001:db8:2::2", 64),
  ];
  const answerable = () => [
    echoRequest(mac(), "10.1.0.2", "10.2.0.2", 3, 1),
    echoRequest(mac(), "2001:db8:1::2", "2001:db8:2::2", 4, 1),
    tcpSyn(mac(), "10.1.0.2", "198.51.100.1", 64),
    tcpSyn(mac(), "2001:db8:1::2", "2001:db8:ffff::1", 64),
  ];
  /** To nobody's address; to one that we have at the other interface. */
  const NOT_THERE = ["fe80::99", "fe80::2"];
  const linkLocal = () => NOT_THERE.map((to) => echoRequest(mac(), "2001:db8:1::2", to, 9));
  const local = () => [
    echoRequest(mac(), "10.1.0.2", "10.2.0.1", 6),
    echoRequest(mac(), "2001:db8:1::2", "2001:db8:1::1", 7),
    echoRequest(mac(), "2001:db8:1::2", "2001:db8:2::1", 8),
    echoRequest(mac(), "2001:db8:1::2", "fe80::1", 10),
    tcpSyn(mac(), "10.1.0.2", "10.1.0.1", 64),
  ];

  test("without the rule this kernel forwards and answers (or the tests below could not fail)", () => {
    expect(kernelReaction(transit())).toEqual({ answered: 0, forwarded: 4, solicited: 0, atTheRing: 4 });
    expect(kernelReaction(answerable())).toEqual({ answered: 4, forwarded: 0, solicited: 0, atTheRing: 4 });
  });

  test("with it the ring sees every frame, and the kernel forwards none and answers none", () => {
    rule = installIngressRule(guarded("r0", "r1"));
    const frames = [...transit(), ...answerable()];
    expect(kernelReaction(frames)).toEqual({ answered: 0, forwarded: 0, solicited: 0, atTheRing: frames.length });
  });

  const arpRequest = (target: string) =>
    encodeArp({
      operation: ARP_OPERATION.request,
      senderMac: 0x020000000001,
      senderAddress: parseAddress("10.1.0.2") as number,
      targetMac: 0,
      targetAddress: parseAddress(target) as number,
    });
  const untaggedOrPriority = (frame: Uint8Array) => [frame, withTag(frame, 0)];
  /** As in `kernelReaction`, where the fence has to come in by the other interface. */
  const silence = (frames: Uint8Array[]) => {
    const [client, server] = rings;
    const serverMac = JSON.parse(run("ip -j link show r1"))[0].address as string;
    expect(client.transmit(batchOf(frames, 0), 0)).toBe(0);
    expect(server.transmit(batchOf([echoRequest(serverMac, "10.2.0.2", "10.2.0.1", FENCE)], 0), 0)).toBe(0);
    const answered: SeenFrame[] = [];
    let isOver = false;
    for (let turn = 0; turn < 100 && !isOver; turn++) {
      waiter.wait(20);
      isOver = drain(server).some(isFence);
      answered.push(...drain(client).filter(isForTheClient));
    }
    expect(isOver).toBe(true);
    answered.push(...drain(client).filter(isForTheClient));
    return { answered: answered.length, atTheRing: drain(router).filter(({ bytes }) => bytes[6] === 2).length };
  };

  test("where the router speaks with tags only, what comes without is not the kernel's, nor what has a priority only", () => {
    const questions = [arpRequest("10.1.0.1"), arpRequest("10.2.0.1"), ...local()].flatMap(untaggedOrPriority);
    rule = installIngressRule(guarded("r0", "r1"));
    expect(silence(questions).answered).toBe(questions.length);
    rule = installIngressRule([{ name: "r0", isTagged: true }, ...guarded("r1")]);
    expect(silence(questions)).toEqual({ answered: 0, atTheRing: questions.length });
  });

  const noVlans = spawnSync("ip", "link add link lo name vlan-probe type vlan id 1".split(" ")).status !== 0;
  test.skipIf(noVlans)(`a tag makes no difference${noVlans ? " (this kernel has no VLAN interfaces)" : ""}`, () => {
    run("ip link add link r0 name r0.5 type vlan id 5");
    run("ip addr add 10.5.0.1/24 dev r0.5");
    run("ip link set dev r0.5 up");
    const frames = [withTag(echoRequest(mac(), "10.5.0.2", "10.2.0.2", 5), 5)];
    expect(kernelReaction(frames)).toEqual({ answered: 0, forwarded: 1, solicited: 0, atTheRing: 1 });
    rule = installIngressRule(guarded("r0", "r1"));
    expect(kernelReaction(frames)).toEqual({ answered: 0, forwarded: 0, solicited: 0, atTheRing: 1 });
  });

  test("with it the kernel still answers for its own addresses, those of other interfaces too", () => {
    rule = installIngressRule(guarded("r0", "r1"));
    expect(kernelReaction(local())).toEqual({ answered: 5, forwarded: 0, solicited: 0, atTheRing: 5 });
  });

  test("with it no link-local address but the interface's own is looked for, nor anybody sent there", () => {
    rule = installIngressRule(guarded("r0", "r1"));
    expect(kernelReaction(linkLocal())).toEqual({ answered: 0, forwarded: 0, solicited: 0, atTheRing: 2 });
    rule.remove();
    rule = undefined;
    const withoutRule = kernelReaction(linkLocal());
    expect(withoutRule.answered).toBeGreaterThan(0);
    expect(withoutRule.solicited).toBeGreaterThan(0);
  });

  test("a table that a killed router left behind is replaced, and nothing is left in the end", () => {
    const leftBehind = installIngressRule(guarded("r0"));
    rule = installIngressRule(guarded("r0", "r1"));
    expect(run("nft list ruleset").match(/chain ingress/g)).toHaveLength(1);
    expect(run("nft list ruleset")).toContain("r1");
    leftBehind.remove();
    expect(run("nft list ruleset").trim()).toBe("");
    rule.remove();
    rule = undefined;
    expect(kernelReaction(transit()).forwarded).toBe(4);
  });

  test("a rule that cannot be installed says what is wanted", () => {
    expect(() => installIngressRule([])).toThrow(/no interfaces; wanted at least one/);
    expect(() => installIngressRule(guarded("nowhere0"))).toThrow(/nowhere0.*wanted one of/);
    expect(() => installIngressRule(guarded("r0"), "a b")).toThrow(/table "a b"; wanted letters/);
  });

  function drain(ring: PacketRing): SeenFrame[] {
    const frames: SeenFrame[] = [];
    while (ring.receive() > 0) {
      const { bytes, rows, count } = ring.batch;
      for (let i = 0; i < count; i++) {
        const [offset, length] = rows.subarray(i * 8);
        frames.push({ bytes: bytes.slice(offset, offset + length), virtioHeader: new Uint8Array(0), row: [] });
      }
    }
    return frames;
  }

  const isFor = (last: number) => (frame: SeenFrame) => frame.bytes[0] === 2 && frame.bytes[4] === 0 && frame.bytes[5] === last;
  const isForTheClient = isFor(1);
  const isSolicitation = ({ bytes }: SeenFrame) =>
    bytes[0] === 0x33 && bytes[54] === 135 && NOT_THERE.includes(formatAddress(readIpv6(bytes, 62)));
  const isForTheServer = isFor(2);
  const isFence = ({ bytes }: SeenFrame) => bytes[23] === 1 && bytes[34] === 0 && ((bytes[38] << 8) | bytes[39]) === FENCE;
});
