/**
 * The running router, over real sessions, when 200,000 prefixes have to be looked at again: after a reload that accepts less, and
 * after the loss of who announced them. What the FIB is told comes in steps of so many prefixes, and between these another
 * neighbor is heard, keepalives go out and questions are answered. Counted, not timed: how long a step takes says more of the
 * machine.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SEGMENT } from "#src/bgp/path.ts";
import { askOnce } from "#src/commands/control-client.ts";
import { formatAddress } from "#src/net/address.ts";
import { delay, systemClock } from "#src/net/clock.ts";
import type { Prefix } from "#src/net/prefix.ts";
import { ECMP, Host, type Program, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { RawPeer } from "../speaker/raw-peer.ts";
import { address, eventually } from "../speaker/recorder.ts";

const PREFIXES = 200_000;
const IN_UPDATE = 500;
/** Places of the RIB's table that one step looks at: no more prefixes than that are decided in one. */
const STEP = 4096;
/** 20.0.0.0/7 holds so many of the /24s that begin at 20.0.0.0. */
const IN_SEVEN_BITS = 2 ** 17;
const OURS = address("10.0.8.1");
const [FULL, OTHER] = [
  { own: address("10.255.0.1"), asn: 65001, nextHop: address("10.0.8.11") },
  { own: address("10.255.0.2"), asn: 65002, nextHop: address("10.0.8.12") },
];
const OTHERS_PREFIX = "198.51.100.1/32";
const SAY_EVERY_MS = 10;
/** Neighbors of which each is owed a KEEPALIVE every two seconds, and each at another time. */
const WITNESSES = Array.from({ length: 40 }, (_, i) => address(`10.255.1.${i + 1}`));
const WITNESS_ASN = 65003;
const WITNESS_HOLD_SECONDS = 6;
const BETWEEN_WITNESSES_MS = (WITNESS_HOLD_SECONDS * 1000) / 3 / WITNESSES.length;
const DEADLINE_MS = 60_000;

interface RoutesEvent {
  readonly kind: string;
  readonly atMs: number;
  readonly count: number;
  readonly prefixes: readonly string[];
}

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-steps-"));
  const control = join(folder, "control.sock");
  const file = join(folder, "router.yaml");
  const peers: RawPeer[] = [];
  let host: Host;
  let router: Program;
  let chatter: NodeJS.Timeout;
  /** When a witness heard a KEEPALIVE, on the clock of the router's events. */
  const keptAliveAtMs: number[] = [];

  const show = <Value>(...words: string[]) => askOnce(control, { show: words }) as Promise<Value>;
  const routesEvents = async (sinceMs: number): Promise<RoutesEvent[]> =>
    (await show<RoutesEvent[]>("events")).filter(({ kind, atMs }) => kind === "routes" && atMs > sinceMs);
  const isOthers = ({ prefixes }: RoutesEvent): boolean => prefixes[0] === OTHERS_PREFIX;
  const sum = (events: readonly RoutesEvent[]): number => events.reduce((all, { count }) => all + count, 0);
  const received = async (): Promise<number> => {
    const name = formatAddress(FULL.own);
    return (await show<Record<string, { prefixesReceived: number }>>("bgp", "neighbors", name))[name].prefixesReceived;
  };

  const write = (accepted: string): void =>
    writeFileSync(
      file,
      `ports: [{interface: port0}]
bgp:
  asn: 65000
  routerId: 10.0.8.1
  accept: ["${accepted}", "198.51.100.0/24 le 32"]
  neighbors: [${[FULL, OTHER].map(({ own, asn }) => `{address: ${formatAddress(own)}, remoteAsn: ${asn}, passive: true}`).join(", ")}]
  dynamicNeighbors: [{prefix: 10.255.1.0/24, remoteAsn: ${WITNESS_ASN}, holdTimeSeconds: ${WITNESS_HOLD_SECONDS}}]
`,
    );

  const dial = ({ own, asn }: Pick<typeof FULL, "own" | "asn">): RawPeer => {
    const peer = RawPeer.dial(own, OURS, 179);
    peer.open(asn, own);
    peers.push(peer);
    return peer;
  };

  /** Answers each KEEPALIVE with one of its own. */
  const witness = (own: number): void => {
    const peer = dial({ own, asn: WITNESS_ASN });
    peer.socket.on("data", () => {
      if (peer.messages.at(-1)?.kind !== "keepalive") return;
      keptAliveAtMs.push(systemClock.nowMs());
      peer.say({ kind: "keepalive" });
    });
  };

  const attributesOf = ({ asn, nextHop }: typeof FULL) =>
    ({ origin: 0, asPath: [{ type: SEGMENT.sequence, asns: [asn] }], nextHop }) as const;

  const announceTable = (peer: RawPeer): void => {
    for (let at = 0; at < PREFIXES; at += IN_UPDATE) {
      const prefixes = Array.from(
        { length: IN_UPDATE },
        (_, i): Prefix => ({ address: 0x14000000 + (at + i) * 256, length: 24 }),
      );
      peer.say({ kind: "update", withdrawn: [], announcements: [{ prefixes, attributes: attributesOf(FULL) }] });
    }
  };

  /** Announces a prefix and takes it back, again and again: what comes of it is an event each time. */
  const chatterOf = (peer: RawPeer): NodeJS.Timeout => {
    const prefixes = [{ address: address("198.51.100.1"), length: 32 }];
    let isThere = false;
    return setInterval(() => {
      isThere = !isThere;
      const announcements = isThere ? [{ prefixes, attributes: attributesOf(OTHER) }] : [];
      peer.say({ kind: "update", withdrawn: isThere ? [] : prefixes, announcements });
    }, SAY_EVERY_MS);
  };

  /** What has to be decided anew after `begin` is, in steps, with others heard in between; and a question answered meanwhile. */
  const expectSteps = async (wanted: number, begin: () => void): Promise<void> => {
    const sinceMs = (await routesEvents(0)).at(-1)?.atMs ?? 0;
    const answeredAtMs: number[] = [];
    begin();
    let events: RoutesEvent[] = [];
    const own = () => events.filter((event) => !isOthers(event));
    await eventually(
      `${wanted} prefixes decided anew`,
      async () => {
        events = await routesEvents(sinceMs);
        answeredAtMs.push(systemClock.nowMs());
        return sum(own()) >= wanted;
      },
      DEADLINE_MS,
    );
    expect(sum(own())).toBe(wanted);
    expect(Math.max(...own().map(({ count }) => count))).toBeLessThanOrEqual(STEP);
    const [first, last] = [events.findIndex((event) => !isOthers(event)), events.findLastIndex((event) => !isOthers(event))];
    expect(events.slice(first, last).filter(isOthers)).not.toEqual([]);
    const isBetween = (atMs: number): boolean => atMs > events[first].atMs && atMs < events[last].atMs;
    expect(answeredAtMs.filter(isBetween)).not.toEqual([]);
    expect(keptAliveAtMs.filter(isBetween)).not.toEqual([]);
  };

  beforeAll(async () => {
    run("ip link set lo up");
    host = await Host.create("port0", "10.0.8.11/24", "10.0.8.1");
    host.run("ip address add 10.0.8.12/24 dev eth0");
    run("ip address add 10.0.8.1/24 dev port0");
    for (const own of [FULL.own, OTHER.own, ...WITNESSES]) run(`ip address add ${formatAddress(own)}/32 dev lo`);
    write("20.0.0.0/6 le 24");
    router = start([process.execPath, ECMP, "run", file, "--control", control]);
    expect(await router.line()).toBe("ready");
    announceTable(dial(FULL));
    await eventually("the table is there", async () => (await received()) === PREFIXES, DEADLINE_MS);
    chatter = chatterOf(dial(OTHER));
    await eventually("the other neighbor is heard", async () => (await routesEvents(0)).some(isOthers), DEADLINE_MS);
    for (const own of WITNESSES) {
      witness(own);
      await delay(systemClock, BETWEEN_WITNESSES_MS);
    }
    await eventually("all witnesses have come", () => keptAliveAtMs.length >= 2 * WITNESSES.length, DEADLINE_MS);
  }, 2 * DEADLINE_MS);
  afterAll(() => {
    clearInterval(chatter);
    for (const peer of peers) peer.socket.destroy();
    router.child.kill("SIGKILL");
    host.end();
    rmSync(folder, { recursive: true });
  });

  test("a reload that accepts less refuses the rest in steps", { timeout: 2 * DEADLINE_MS }, async () => {
    write("20.0.0.0/7 le 24");
    await expectSteps(PREFIXES - IN_SEVEN_BITS, () => void askOnce(control, { reload: true }));
    expect(await received()).toBe(PREFIXES);
  });

  test("what a lost peer leaves behind goes in steps", { timeout: 2 * DEADLINE_MS }, async () => {
    await expectSteps(IN_SEVEN_BITS, () => peers[0].socket.destroy());
    expect(await received()).toBe(0);
  });
});
