/**
 * TCP-MD5 and GTSM with all five speakers, over IPv4 and IPv6, whichever side dials: up where both sides agree, silence and a count
 * where they do not, and a password that changes while another neighbor's session stands.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import { type Address, parseAddress } from "#src/net/address.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { readSegmentDrops } from "#src/port/segment-drops.ts";
import { dialTcp, type TcpProtection } from "#src/port/tcp-socket.ts";
import type { NeighborOptions } from "#src/speaker/neighbor.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { Daemon, missingProgram } from "./daemon.ts";
import {
  birdConfiguration,
  exabgpConfiguration,
  frrConfiguration,
  gobgpConfiguration,
  openbgpdConfiguration,
} from "./daemon-configuration.ts";
import { DAEMONS, type DaemonKind, type DaemonPlan } from "./daemons.ts";
import { RawPeer } from "./raw-peer.ts";
import { eventually, recordedSpeaker } from "./recorder.ts";

const ASN = 65000;
const DAEMON_ASN = 65001;
const SESSION_DEADLINE_MS = 30_000;
const parse = (text: string): Address => parseAddress(text) as Address;

interface Protection {
  readonly password?: string;
  readonly hops?: number;
}

/** Protected speakers, by the names of the plain ones. */
const CONFIGURATIONS: Readonly<Record<string, (plan: DaemonPlan, protection: Protection) => string>> = {
  "FRR bgpd": (plan, { password, hops }) =>
    frrConfiguration(plan, {
      routerId: "10.255.0.1",
      neighbor: [
        "disable-connected-check",
        ...(password === undefined ? [] : [`password ${password}`]),
        ...(hops === undefined ? [] : [`ttl-security hops ${hops}`]),
      ],
    }),
  BIRD: (plan, { password, hops }) =>
    birdConfiguration(plan, {
      routerId: "10.255.0.1",
      session: `
  multihop ${hops ?? 2}; ttl security ${hops === undefined ? "off" : "on"};
  ${password === undefined ? "" : `password "${password}";`}`,
      channels: "ipv4 { import none; export none; };",
    }),
  GoBGP: (plan, { password, hops }) =>
    gobgpConfiguration(plan, {
      routerId: "10.255.0.1",
      ...(password !== undefined && { config: `auth-password = "${password}"` }),
      ...(hops !== undefined && { distance: `[neighbors.ttl-security.config]\nenabled = true\nttl-min = ${256 - hops}` }),
    }),
  ExaBGP: (plan, { password, hops }) =>
    exabgpConfiguration(plan, {
      routerId: "10.255.0.1",
      neighbor: [
        ...(password === undefined ? [] : [`md5-password '${password}'`]),
        ...(hops === undefined ? [] : ["outgoing-ttl 255", `incoming-ttl ${256 - hops}`]),
      ],
    }),
  OpenBGPD: (plan, { password, hops }) =>
    openbgpdConfiguration(plan, {
      routerId: "10.255.0.1",
      neighbor: [
        `multihop ${hops ?? 2}`,
        ...(password === undefined ? [] : [`tcp md5sig password ${password}`]),
        ...(hops === undefined ? [] : ["ttl-security yes"]),
      ],
    }),
};

const FAMILIES = [
  { family: "IPv4", address: (number: number, host: number) => `10.10.${number}.${host}`, asOurs: "/32" },
  // Not to wait until nobody else is known to have it.
  { family: "IPv6", address: (number: number, host: number) => `2001:db8:10:${number}::${host}`, asOurs: "/128 nodad" },
];
const cases = FAMILIES.flatMap((family) => DAEMONS.map((kind) => ({ ...family, kind, name: kind.name })));
/** What the other side's kernel does is seen with two of them, as it is the same kernel. */
const CASES_OF_REFUSAL = cases.filter(({ name }) => ["FRR bgpd", "BIRD"].includes(name));

await inNamespace(import.meta.url, () => {
  beforeAll(() => void run("ip link set lo up"));
  let serial = 0;

  /** Our speaker, listening on an address of its own, and what makes neighbors for it. */
  async function begin(context: TestContext, { address, asOurs }: (typeof FAMILIES)[number]) {
    const number = ++serial;
    const add = (host: number): string => {
      run(`ip address replace ${address(number, host)}${asOurs} dev lo`);
      return address(number, host);
    };
    const ours = add(1);
    const recorded = recordedSpeaker({
      asn: ASN,
      routerId: 0x0a000001,
      listen: { address: parse(ours), port: 179 },
      connectRetrySeconds: 1,
    });
    context.onTestFinished(() => recorded.speaker.stop());
    await recorded.speaker.start();
    const running: Promise<never>[] = [];
    return {
      ...recorded,
      /** A daemon, and our options towards it, which the caller completes. */
      daemon(kind: DaemonKind, host: number, protection: Protection): NeighborOptions {
        const folder = mkdtempSync(join(tmpdir(), "ecmp-daemon-"));
        context.onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
        const theirs = add(host);
        const daemon = new Daemon(
          { ...kind, configuration: (plan) => CONFIGURATIONS[kind.name](plan, protection) },
          { address: theirs, asn: DAEMON_ASN, peers: [{ address: ours, asn: ASN }], prefix: "203.0.113.10/32", folder },
        );
        context.onTestFinished(() => daemon.end());
        running.push(daemon.failed);
        return { address: parse(theirs), remoteAsn: DAEMON_ASN, localAddress: parse(ours) };
      },
      up: (at: Address) =>
        Promise.race([
          ...running,
          recorded.told.until("up", () => recorded.told.hasEvent("session-up", at), SESSION_DEADLINE_MS),
        ]),
    };
  }

  describe.concurrent.each([
    { who: "it dials us", passive: true },
    { who: "both dial", passive: false },
  ])("signed and guarded, $who", ({ passive }) => {
    const among = passive ? cases : CASES_OF_REFUSAL;
    const play = async (context: TestContext, { kind, ...family }: (typeof cases)[number]) => {
      const { speaker, daemon, up, neighbor } = await begin(context, family);
      const options = daemon(kind, 2, { password: "dark-secret", hops: 2 });
      speaker.addNeighbor({ ...options, passive, password: "dark-secret", ttlSecurity: { hops: 2 } });
      await up(options.address);
      expect(neighbor(options.address)).toMatchObject({ signed: true, maximumHops: 2 });
      expect(JSON.stringify(neighbor(options.address))).not.toContain("dark-secret");
    };
    each("comes up", play, among);
  });

  describe.concurrent("a wrong password", () => {
    each("is silence, counted; it changes while another's session stands", async (context, { kind, ...family }) => {
      const { speaker, told, daemon, up, neighbor } = await begin(context, family);
      const bystander = daemon(kind, 3, { password: "bystander" });
      speaker.addNeighbor({ ...bystander, password: "bystander" });
      const options = daemon(kind, 2, { password: "theirs" });
      const [wrong, dropped] = [readSegmentDrops().signatureWrong, speaker.droppedSegments()];
      speaker.addNeighbor({ ...options, passive: true, password: "ours" });
      await up(bystander.address);
      const isCounted = () => speaker.droppedSegments() > dropped && readSegmentDrops().signatureWrong > wrong;
      await eventually("counted", isCounted, SESSION_DEADLINE_MS);
      expect(neighbor(options.address)).toMatchObject({ state: "Active", connectionsEstablished: 0 });

      speaker.removeNeighbor(options.address);
      speaker.addNeighbor({ ...options, passive: true, password: "theirs" });
      await up(options.address);
      expect(neighbor(bystander.address)).toMatchObject({ state: "Established", connectionsDropped: 0 });
      expect(told.hasEvent("session-down", bystander.address)).toBe(false);
    });
  });

  describe.concurrent("a neighbor that is too far away", () => {
    each("is silence, counted: ours guarded, theirs not", async (context, { kind, ...family }) => {
      const { speaker, daemon, up, neighbor } = await begin(context, family);
      const options = daemon(kind, 2, {});
      speaker.addNeighbor({ ...options, passive: true, ttlSecurity: { hops: 1 } });
      await eventually("counted", () => speaker.droppedSegments() > 0, SESSION_DEADLINE_MS);
      expect(neighbor(options.address)).toMatchObject({ state: "Active", connectionsEstablished: 0 });
      speaker.removeNeighbor(options.address);
      speaker.addNeighbor({ ...options, ebgpMultihop: 2 });
      await up(options.address);
    });

    each("so are we where theirs is guarded, until ours is too", async (context, { kind, ...family }) => {
      const { speaker, daemon, up, neighbor } = await begin(context, family);
      const options = daemon(kind, 2, { hops: 1 });
      // Who is dialed guards what it has accepted: an OPEN that is there before is heard, and answered.
      speaker.addNeighbor({ ...options, passive: true });
      const before = readSegmentDrops().ttlTooLow;
      await eventually("counted", () => readSegmentDrops().ttlTooLow > before, SESSION_DEADLINE_MS);
      expect(neighbor(options.address).connectionsEstablished).toBe(0);
      speaker.removeNeighbor(options.address);
      speaker.addNeighbor({ ...options, ttlSecurity: { hops: 1 } });
      await up(options.address);
    });
  });

  describe("in a range, and in another inside of it, the most specific decides", () => {
    const [OURS, NAMED, MEMBER, INNER] = ["127.0.9.1", "127.0.9.2", "127.0.9.3", "127.0.9.130"].map(parse);
    const RANGE = parsePrefix("127.0.9.0/24")!;
    const INNER_RANGE = parsePrefix("127.0.9.128/25")!;
    type Ours = Pick<NeighborOptions, "password" | "ttlSecurity">;

    async function among(context: TestContext, range: Ours, inner: Ours, named: Ours) {
      const { speaker, told } = recordedSpeaker({ asn: ASN, routerId: 1, listen: { address: OURS, port: 0 } });
      context.onTestFinished(() => speaker.stop());
      await speaker.start();
      const remoteAsn = DAEMON_ASN;
      speaker.addNeighbor({ address: NAMED, remoteAsn, passive: true, ...named });
      speaker.addRange({ prefix: RANGE, remoteAsn, limit: 2, ...range });
      speaker.addRange({ prefix: INNER_RANGE, remoteAsn, limit: 2, ...inner });
      const come = (from: Address, theirs: TcpProtection): RawPeer => {
        const peer = new RawPeer(dialTcp({ address: OURS, port: speaker.listening()?.port ?? 0 }, { from, ...theirs }));
        context.onTestFinished(() => void peer.socket.destroy());
        peer.socket.once("connect", () => peer.open(DAEMON_ASN, 2));
        return peer;
      };
      return {
        isUp: async (from: Address, theirs: TcpProtection) => {
          come(from, theirs);
          await told.until("up", () => told.hasEvent("session-up", from));
        },
        isSilence: async (from: Address, theirs: TcpProtection) => {
          const before = speaker.droppedSegments();
          const { socket } = come(from, theirs);
          await eventually("dropped", () => speaker.droppedSegments() > before);
          // Its next SYN would count for somebody else's.
          socket.destroy();
          expect(told.hasEvent("session-up", from)).toBe(false);
        },
      };
    }

    test("on the TTL: no limit is an exception too", async (context) => {
      const { isUp, isSilence } = await among(context, { ttlSecurity: { hops: 1 } }, { ttlSecurity: { hops: 3 } }, {});
      await isSilence(MEMBER, { ttl: 254 });
      await isUp(MEMBER, { ttl: 255 });
      await isSilence(INNER, { ttl: 252 });
      await isUp(INNER, { ttl: 253 });
      await isUp(NAMED, { ttl: 64 });
    });

    test("on the TTL, where the inner range has no limit", async (context) => {
      const { isUp, isSilence } = await among(context, { ttlSecurity: { hops: 1 } }, {}, { ttlSecurity: { hops: 1 } });
      await isSilence(NAMED, { ttl: 64 });
      await isUp(INNER, { ttl: 64 });
    });

    test("on the password: each its own", async (context) => {
      const { isUp, isSilence } = await among(context, { password: "rr" }, { password: "inner" }, { password: "own" });
      for (const [at, password] of [
        [MEMBER, "rr"],
        [INNER, "inner"],
        [NAMED, "own"],
      ] as const) {
        await isSilence(at, { password: password === "rr" ? "own" : "rr" });
        await isUp(at, { password });
      }
    });
  });
});

function each(
  name: string,
  play: (context: TestContext, one: (typeof cases)[number]) => Promise<void>,
  among: readonly (typeof cases)[number][] = CASES_OF_REFUSAL,
): void {
  for (const one of among) {
    const missing = missingProgram(one.kind);
    if (missing) test.skip(`${one.name} over ${one.family}: ${missing} is not installed`, () => undefined);
    else test(`${one.name} over ${one.family}: ${name}`, { timeout: 60_000 }, (context) => play(context, one));
  }
}
