/**
 * Real speakers: each comes up with ours, teaches it a route, takes it back, teaches it again and is killed. Once with both
 * sides dialing, once waiting for the daemon.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { systemClock } from "#src/net/clock.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { DAEMONS, Daemon, missingProgram } from "./daemons.ts";
import { address, recordedSpeaker } from "./recorder.ts";

const OURS = "10.9.0.1";
const PREFIX = "203.0.113.10/32";
/** The kernel tells at once; the rest is room for a busy machine. */
const DETECTION_DEADLINE_MS = 1000;

await inNamespace(import.meta.url, () => {
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  describe.each([
    ["both sides dial", false],
    ["it dials us", true],
  ])("%s", (_, passive) => {
    for (const [index, kind] of DAEMONS.entries()) {
      const missing = missingProgram(kind);
      if (missing) {
        test.skip(`${kind.name}: ${missing} is not installed`, () => undefined);
        continue;
      }
      test(`${kind.name}: up, a route, its withdrawal, and its end by SIGKILL`, { timeout: 60_000 }, async () => {
        const theirs = `10.9.${passive ? 2 : 1}.${index + 2}`;
        const remoteAsn = 65001 + index;
        run("ip link set lo up");
        for (const each of [OURS, theirs]) run(`ip address replace ${each}/32 dev lo`);
        const folder = mkdtempSync(join(tmpdir(), "ecmp-daemon-"));
        cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
        const { speaker, told, neighbor } = recordedSpeaker({
          asn: 65000,
          routerId: address(OURS),
          listen: { address: address(OURS), port: 179 },
          connectRetrySeconds: 1,
        });
        cleanUps.push(() => speaker.stop());
        await speaker.start();
        speaker.addNeighbor({ address: address(theirs), remoteAsn, localAddress: address(OURS), passive });
        const daemon = new Daemon(kind, {
          address: theirs,
          asn: remoteAsn,
          peerAddress: OURS,
          peerAsn: 65000,
          prefix: PREFIX,
          folder,
        });
        cleanUps.push(() => daemon.end());

        await daemon.announce();
        await Promise.race([daemon.failed, told.until("the route", () => told.routes.includes(`+${PREFIX}`), 30_000)]);
        const state = neighbor(address(theirs));
        expect(state).toMatchObject({
          state: "Established",
          prefixesReceived: 1,
          updateFaults: { "treat-as-withdraw": 0, reset: 0 },
        });
        expect(state.routerId).toBe(address(theirs));
        expect(state.capabilities.received).toContainEqual({ name: "four-octet-as", asn: remoteAsn });
        const [route] = told.updates.filter((update) => update.kind === "update" && update.announced.length > 0);
        expect(route).toMatchObject({
          peer: { address: address(theirs), asn: remoteAsn, routerId: address(theirs), type: "external" },
          attributes: { asPath: [{ type: 2, asns: [remoteAsn] }], nextHop: address(theirs) },
        });

        await daemon.withdraw();
        await told.until("the withdrawal", () => told.routes.includes(`-${PREFIX}`));
        expect(neighbor(address(theirs)).prefixesReceived).toBe(0);

        const killedAtMs = systemClock.nowMs();
        daemon.kill();
        await told.until("the loss", () => told.routes.at(-1) === "lost", DETECTION_DEADLINE_MS);
        const lost = told.events.findLast((event) => event.kind === "session-down");
        expect(lost?.atMs).toBeGreaterThan(killedAtMs);
        expect(lost).toMatchObject({ reason: expect.stringMatching(/^(closed by the peer|read ECONNRESET)$/) });
      });
    }
  });
});
