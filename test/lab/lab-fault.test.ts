/** Faults by hand: a lab that is up is found, broken and mended, and tells what is at work in it. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { childrenOf } from "./process-tree.ts";
import { MAIN, users } from "./users.ts";

const DEADLINE_MS = 120_000;
let running: ChildProcess | undefined;
afterEach(() => void running?.kill("SIGTERM"));

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code?: number;
}

describe.each(users.slice(0, 1))("ecmp lab fault, as %s", (_, prefix, possible) => {
  const ecmp = (...words: string[]): Promise<Ended> => {
    const command = [...prefix, process.execPath, MAIN, ...words];
    return promisify(execFile)(command[0], command.slice(1)).catch((error: Ended) => error);
  };

  it.skipIf(!possible)("takes a node's routes away and brings them back", { timeout: DEADLINE_MS }, async () => {
    const command = [...prefix, process.execPath, MAIN, "lab", "up", "metallb-bgp"];
    const lab = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
    running = lab;
    let socket = "";
    for await (const line of createInterface({ input: lab.stderr })) {
      const inside = /nsenter --target (\d+) .* --control (\S+)$/.exec(line);
      if (inside) socket = inside[2];
      if (line.includes("To end it")) break;
    }
    const fault = (...words: string[]) => ecmp("lab", "fault", ...words, "--lab", "metallb-bgp", "--json");
    expect(JSON.parse((await fault("list")).stdout)).toEqual([]);
    expect(await fault("begin", "withdraw", "n9")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("wanted one of n1"),
    });
    expect(await fault("end", "withdraw", "n2")).toMatchObject({ code: 2, stderr: expect.stringContaining("not at work") });

    const begun = await fault("begin", "withdraw", "n2");
    expect(JSON.parse(begun.stdout), begun.stderr).toMatchObject([{ fault: "withdraw", node: "n2" }]);
    const within = `/proc/${processOne(lab.pid as number)}/root${socket}`;
    const nextHops = async () => {
      const routes = JSON.parse((await ecmp("show", "routes", "198.51.100.10/32", "--json", "--control", within)).stdout);
      return routes.flatMap((route: { nextHops: { address: string }[] }) => route.nextHops.map(({ address }) => address)).sort();
    };
    const all = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"];
    const inTime = { timeout: 20_000, interval: 100 };
    await vi.waitFor(async () => expect(await nextHops()).toEqual(all.filter((address) => address !== "10.0.0.12")), inTime);
    expect(JSON.parse((await fault("end", "withdraw", "n2")).stdout)).toEqual([]);
    await vi.waitFor(async () => expect(await nextHops()).toEqual(all), inTime);

    // Each seed is one mutation: of this one RFC 7606 takes the routes, and leaves the session.
    await fault("begin", "mutate-bgp", "n2", "--seed", "2");
    await vi.waitFor(async () => expect(await nextHops()).not.toContain("10.0.0.12"), inTime);
    const { stdout } = await ecmp("show", "bgp", "neighbors", "10.0.0.12", "--json", "--control", within);
    expect(stdout).toMatch(/"bgpState":\s*"Established"/);
    expect(stdout).toMatch(/"treat-as-withdraw":\s*[1-9]/);
    await fault("end", "mutate-bgp", "n2");
    await vi.waitFor(async () => expect(await nextHops()).toEqual(all), inTime);

    expect(JSON.parse((await fault("begin", "kill-worker", "router")).stdout)).toEqual([]);
    await vi.waitFor(
      async () => expect((await ecmp("show", "events", "--control", within)).stdout).toContain("worker-died"),
      inTime,
    );
    expect(JSON.parse((await fault("begin", "drain", "n3", "--grace", "1")).stdout)).toMatchObject([
      { fault: "drain", graceSeconds: 1 },
    ]);
    expect(await nextHops()).not.toContain("10.0.0.13");
    expect(JSON.parse((await fault("end", "drain", "n3")).stdout)).toEqual([]);
    await vi.waitFor(async () => expect(await nextHops()).toEqual(all), inTime);
  });

  it.skipIf(!possible)("says so where no such lab is up", async () => {
    expect(await ecmp("lab", "fault", "list", "--lab", "nowhere")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("wanted  nowhere"),
    });
  });
});

/** Of the tree of the lab whose outer process this is. */
const processOne = (outer: number): number => childrenOf(childrenOf(outer)[0])[0];
