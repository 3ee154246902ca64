/**
 * Real speakers: each comes up with ours, teaches it a route, takes it back, teaches it again and is killed; goes silent; and
 * is told to end the session. Once with both sides dialing, once waiting for the daemon. Each pair has addresses of its own,
 * so all of them run at once.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import { systemClock } from "#src/net/clock.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { Daemon, missingProgram } from "./daemon.ts";
import { DAEMONS, type DaemonKind } from "./daemons.ts";
import { address, recordedSpeaker } from "./recorder.ts";

const PREFIX = "203.0.113.10/32";
/** The kernel tells at once; the rest is room for a busy machine. */
const DETECTION_DEADLINE_MS = 1000;
/** The shortest that there is. */
const HOLD_TIME_SECONDS = 3;

interface Scene {
  readonly test: TestContext;
  readonly kind: DaemonKind;
  readonly index: number;
  /** A number of the test: no two have the same addresses. */
  readonly number: number;
  readonly passive: boolean;
  readonly holdTimeSeconds: number;
}

/** Our speaker and the daemon, Established, with the route learned. */
async function establish({ test, kind, index, number, passive, holdTimeSeconds }: Scene) {
  const [ours, theirs] = [`10.8.${number}.${index + 2}`, `10.9.${number}.${index + 2}`];
  const remoteAsn = 65001 + index;
  for (const each of [ours, theirs]) run(`ip address replace ${each}/32 dev lo`);
  const folder = mkdtempSync(join(tmpdir(), "ecmp-daemon-"));
  test.onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { speaker, told, neighbor } = recordedSpeaker({
    asn: 65000,
    routerId: address(ours),
    listen: { address: address(ours), port: 179 },
    connectRetrySeconds: 1,
    holdTimeSeconds,
  });
  test.onTestFinished(() => speaker.stop());
  await speaker.start();
  speaker.addNeighbor({ address: address(theirs), remoteAsn, localAddress: address(ours), passive });
  const daemon = new Daemon(kind, {
    address: theirs,
    asn: remoteAsn,
    peers: [{ address: ours, asn: 65000 }],
    prefix: PREFIX,
    folder,
  });
  test.onTestFinished(() => daemon.end());
  await daemon.announce();
  await Promise.race([daemon.failed, told.until("the route", () => told.routes.includes(`+${PREFIX}`), 30_000)]);
  return { daemon, told, theirs, remoteAsn, state: () => neighbor(address(theirs)) };
}

await inNamespace(import.meta.url, () => {
  beforeAll(() => void run("ip link set lo up"));

  describe.concurrent.each([
    { how: "both sides dial", passive: false, number: 1 },
    { how: "it dials us", passive: true, number: 2 },
  ])("$how", ({ passive, number }) => {
    each("up, a route, its withdrawal, and its end by SIGKILL", async (test, kind, index) => {
      const scene = { test, kind, index, number, passive, holdTimeSeconds: 90 };
      const { daemon, told, theirs, remoteAsn, state } = await establish(scene);
      expect(state()).toMatchObject({
        state: "Established",
        prefixesReceived: 1,
        updateFaults: { "treat-as-withdraw": 0, reset: 0 },
      });
      expect(state().routerId).toBe(address(theirs));
      expect(state().capabilities.received).toContainEqual({ name: "four-octet-as", asn: remoteAsn });
      const [route] = told.updates.filter((update) => update.kind === "update" && update.announced.length > 0);
      expect(route).toMatchObject({
        peer: { address: address(theirs), asn: remoteAsn, routerId: address(theirs), type: "external" },
        attributes: { asPath: [{ type: 2, asns: [remoteAsn] }], nextHop: address(theirs) },
      });

      await daemon.withdraw();
      await told.until("the withdrawal", () => told.routes.includes(`-${PREFIX}`));
      expect(state().prefixesReceived).toBe(0);

      const killedAtMs = systemClock.nowMs();
      daemon.kill();
      await told.until("the loss", () => told.routes.at(-1) === "lost", DETECTION_DEADLINE_MS);
      const lost = told.events.findLast((event) => event.kind === "session-down");
      expect(lost?.atMs).toBeGreaterThan(killedAtMs);
      expect(lost?.reason).toMatch(/^(closed by the peer|read ECONNRESET)$/);
    });
  });

  describe.concurrent("the end of a session", () => {
    each("silent with its sockets open, it is lost when the hold time is over", async (test, kind, index) => {
      const scene = { test, kind, index, number: 3, passive: true, holdTimeSeconds: HOLD_TIME_SECONDS };
      const { daemon, told, state } = await establish(scene);
      expect(state().holdTimeSeconds).toBe(HOLD_TIME_SECONDS);
      const frozenAtMs = systemClock.nowMs();
      daemon.freeze();
      await told.until("the loss", () => told.routes.at(-1) === "lost");
      const lost = told.events.findLast((event) => event.kind === "session-down");
      expect(lost?.reason).toContain("Hold Timer Expired");
      // It may have been silent for a keepalive interval before.
      expect((lost?.atMs ?? 0) - frozenAtMs).toBeGreaterThan((HOLD_TIME_SECONDS * 1000 * 2) / 3 - 100);
    });

    each("ended by its operator, it says so", async (test, kind, index) => {
      // It dials, so that no connection is one too many, and the first session is the one that it ends.
      const scene = { test, kind, index, number: 4, passive: true, holdTimeSeconds: 90 };
      const { daemon, told } = await establish(scene);
      await daemon.shutDown("maintenance");
      await told.until("the loss", () => told.routes.includes("lost"));
      const down = told.events.find((event) => event.kind === "session-down");
      const words = kind.sendsWords ? /Cease\/Administrative Shutdown.*maintenance/ : /Cease\/Administrative Shutdown/;
      expect(down?.reason).toMatch(words);
    });
  });
});

function each(name: string, play: (test: TestContext, kind: DaemonKind, index: number) => Promise<void>): void {
  for (const [index, kind] of DAEMONS.entries()) {
    const missing = missingProgram(kind);
    if (missing) test.skip(`${kind.name}: ${missing} is not installed`, () => undefined);
    else test(`${kind.name}: ${name}`, { timeout: 60_000 }, (context) => play(context, kind, index));
  }
}
