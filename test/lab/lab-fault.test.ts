/**
 * Faults by hand: a lab that is up is found, broken and mended, and tells what is at work in it: what the lab itself shows, whoever
 * did it, and whoever was killed meanwhile.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { askForFault, chooseLab } from "#src/lab/fault-client.ts";
import type { FaultRequest } from "#src/lab/fault-server.ts";
import { enterCommand } from "#src/lab/inspect.ts";
import { networkOf, processesOf, standingLabs } from "#src/lab/standing.ts";
import { childrenOf } from "./process-tree.ts";
import { MAIN, users } from "./users.ts";

const DEADLINE_MS = 120_000;
const inTime = { timeout: 20_000, interval: 100 };

interface Route {
  readonly nextHops: readonly { readonly address: string }[];
}

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

  describe.skipIf(!possible)("in a lab that is up", { timeout: DEADLINE_MS }, () => {
    let lab: ChildProcess;
    /** The router's control socket, from out here. */
    let control = "";

    beforeAll(async () => {
      const command = [...prefix, process.execPath, MAIN, "lab", "up", "metallb-bgp"];
      lab = spawn(command[0], command.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
      let socket = "";
      for await (const line of createInterface({ input: lab.stderr as NodeJS.ReadableStream })) {
        socket = / --control (\S+)$/.exec(line)?.[1] ?? socket;
        if (line.includes("To end it")) break;
      }
      control = `/proc/${processOne(lab.pid as number)}/root${socket}`;
    }, DEADLINE_MS);
    afterAll(() => void lab.kill("SIGTERM"));

    /** As the command asks it. */
    const ask = (action: FaultRequest["action"], fault?: string, node?: string, settings?: FaultRequest["settings"]) =>
      askForFault(chooseLab("metallb-bgp"), { action, fault, node, settings });
    type Words = [fault: string, node: string, settings?: FaultRequest["settings"]];
    const activeAfter = async (action: FaultRequest["action"], ...words: Partial<Words>) => {
      const answer = await ask(action, ...words);
      if ("refused" in answer) throw new Error(answer.refused);
      return answer.active;
    };
    const list = () => activeAfter("list");
    const begin = (...words: Words) => activeAfter("begin", ...words);
    const end = (...words: Words) => activeAfter("end", ...words);
    const refusal = async (...words: Words) => {
      const answer = await ask("begin", ...words);
      return "refused" in answer ? answer.refused : "it is not refused";
    };
    const all = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"];
    const nextHops = async () => {
      const routes = (await askOnce(control, { show: ["routes", "198.51.100.10/32"] })) as Route[];
      return routes.flatMap((route) => route.nextHops.map(({ address }) => address)).sort();
    };
    const processesAt = (machine: string) => {
      const [standing] = standingLabs("metallb-bgp");
      return processesOf(standing).filter(({ network }) => network === networkOf(standing, machine));
    };
    const untilWithout = (address: string) => vi.waitFor(async () => expect(await nextHops()).not.toContain(address), inTime);
    const untilAll = () => vi.waitFor(async () => expect(await nextHops()).toEqual(all), inTime);

    it("is a command: it takes a node's routes away and brings them back", async () => {
      const fault = (...words: string[]) => ecmp("lab", "fault", ...words, "--lab", "metallb-bgp");
      expect(await fault("begin", "withdraw", "n9", "--json")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("wanted  one of n1"),
      });
      expect(await fault("end", "withdraw", "n2")).toMatchObject({ code: 2, stderr: expect.stringContaining("not at work") });
      const begun = await fault("begin", "withdraw", "n2", "--json");
      expect(JSON.parse(begun.stdout), begun.stderr).toEqual([{ fault: "withdraw", node: "n2" }]);
      await untilWithout("10.0.0.12");
      expect((await fault("list")).stdout).toBe("node  fault     told\nn2    withdraw  -\n");
      expect(await fault("end", "withdraw", "n2")).toMatchObject({ stdout: "no fault is at work\n" });
      await untilAll();
    });

    it("mutates what a speaker says, by a seed", async () => {
      // Each seed is one mutation: of this one RFC 7606 takes the routes, and leaves the session.
      await begin("mutate-bgp", "n2", { seed: 2 });
      await untilWithout("10.0.0.12");
      const neighbor = JSON.stringify(await askOnce(control, { show: ["bgp", "neighbors", "10.0.0.12"] }));
      expect(neighbor).toMatch(/"bgpState":"Established"/);
      expect(neighbor).toMatch(/"treat-as-withdraw":[1-9]/);
      expect(await list()).toEqual([{ fault: "mutate-bgp", node: "n2", seed: 2 }]);
      expect(await end("mutate-bgp", "n2")).toEqual([]);
      await untilAll();
    });

    it("does what passes by itself, and drains in two halves", async () => {
      expect(await begin("kill-worker", "router")).toEqual([]);
      const events = async () => JSON.stringify(await askOnce(control, { show: ["events"] }));
      await vi.waitFor(async () => expect(await events()).toContain("worker-died"), inTime);
      expect(await begin("drain", "n3", { graceSeconds: 1 })).toEqual([{ fault: "drain", node: "n3", graceSeconds: 1 }]);
      expect(await nextHops()).not.toContain("10.0.0.13");
      expect(await end("drain", "n3")).toEqual([]);
      await untilAll();
    });

    it("has several faults of the router's port at once, each for itself", async () => {
      const rules = async () => {
        const ports = (await askOnce(control, { fault: { action: "list" } })) as readonly { readonly rules: object[] }[];
        return ports.flatMap((port) => port.rules);
      };
      const rule = { direction: "out", nextHop: "10.0.0.12", seed: 1 };
      await begin("delay", "n2");
      await begin("reorder", "n2", { percent: 10 });
      expect(await rules()).toEqual([{ ...rule, delayMs: 50, reorderPct: 10 }]);
      expect(await end("delay", "n2")).toEqual([{ fault: "reorder", node: "n2", percent: 10 }]);
      expect(await rules()).toEqual([{ ...rule, reorderPct: 10 }]);
      expect(await refusal("reorder", "n2", { percent: 20 })).toContain("there is one of a kind");
      // Somebody else takes it away: then it is not there.
      await askOnce(control, { fault: { action: "clear" } });
      expect(await list()).toEqual([]);
    });

    it("refuses what cannot be at work at once, and what a fault does not heed", async () => {
      await begin("stop-speaker", "n2");
      expect(await refusal("kill-speaker", "n2")).toContain(
        "kill-speaker of n2: stop-speaker of n2 is at work\n  wanted  an end of that before",
      );
      expect(await refusal("kill-router", "router")).toContain("both want the routes");
      expect(await begin("loss", "n2", { percent: 1 })).toHaveLength(2);
      await end("loss", "n2");
      expect(await end("stop-speaker", "n2")).toEqual([]);
      expect(await refusal("withdraw", "n2", { percent: 20 })).toContain(
        "percent: 20\n  wanted  none: withdraw heeds no setting",
      );
      expect(await list()).toEqual([]);
      await untilAll();
    });

    it("has the pods of two nodes away at once, and every kube-proxy knows it", async () => {
      const endpoints = async () => {
        const enter = enterCommand(chooseLab("metallb-bgp").pid, process.getuid?.() !== 0, "n1").split(" ");
        const list = [...enter.slice(1), "nft", "list", "table", "ip", "kube-proxy"];
        const { stdout } = await promisify(execFile)(enter[0], list);
        return new Set(stdout.match(/(?<=chain endpoint-\w+__)n\d-[a-z]/g));
      };
      const own = await endpoints();
      const without = (...nodes: string[]) => new Set([...own].filter((pod) => !nodes.includes(pod.slice(0, 2))));
      expect(await refusal("pods-move", "n2", { to: "n2" })).toContain('to: found "n2"\n  wanted  one of n1, n3, n4');
      await begin("pods-move", "n2");
      await begin("pods-move", "n4", { to: "n3" });
      const both = await endpoints();
      expect([...both].filter((pod) => /^n[24]/.test(pod))).toEqual([]);
      expect(both.size).toBeGreaterThan(without("n2", "n4").size);
      await end("pods-move", "n4");
      expect(await endpoints()).toEqual(without("n2"));
      expect(await end("pods-move", "n2")).toEqual([]);
      expect(await endpoints()).toEqual(own);
    });

    it("lists what is, and not what was asked for: a speaker that died has forgotten it", async () => {
      await begin("withdraw", "n2");
      for (const { pid } of processesAt("n2")) process.kill(pid, "SIGKILL");
      const dead = [{ fault: "kill-speaker", node: "n2" }];
      await vi.waitFor(async () => expect(await list()).toEqual(dead), inTime);
      expect(await refusal("withdraw", "n2")).toContain("kill-speaker of n2 is at work");
      expect(await end("kill-speaker", "n2")).toEqual([]);
      await untilAll();
    });

    it("ends a drain whose half is done, though its command was killed, and is not held up by it", async () => {
      const command = [...prefix, process.execPath, MAIN, "lab", "fault", "begin", "drain", "n3", "--grace", "3600"];
      const killed = spawn(command[0], command.slice(1), { stdio: "ignore" });
      await untilWithout("10.0.0.13");
      killed.kill("SIGKILL");
      expect(await list()).toEqual([{ fault: "drain", node: "n3", graceSeconds: 3600 }]);
      expect(await refusal("withdraw", "n3")).toContain("drain of n3 is at work");
      expect(await end("drain", "n3")).toEqual([]);
      await untilAll();
      expect(await list()).toEqual([]);
    });

    it("goes on with what its command does not wait for any more", async () => {
      const command = [...prefix, process.execPath, MAIN, "lab", "fault", "begin", "drain", "n4", "--grace", "2"];
      const killed = spawn(command[0], command.slice(1), { stdio: "ignore" });
      await untilWithout("10.0.0.14");
      killed.kill("SIGKILL");
      await vi.waitFor(() => expect(processesAt("n4")).toEqual([]), inTime);
      expect(await list()).toEqual([{ fault: "drain", node: "n4", graceSeconds: 2 }]);
      expect(await end("drain", "n4")).toEqual([]);
      await untilAll();
      expect(JSON.parse((await ecmp("lab", "inspect", "metallb-bgp", "--json")).stdout)).toMatchObject([{ whole: true }]);
    });
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
