/**
 * Flows of datagrams: the client and the pod over loopback UDP, what a timeline means for a flow, and the scenario `datagrams`
 * on real parts, where packets come twice and out of turn and a node goes.
 */
import { createSocket, type RemoteInfo } from "node:dgram";
import { afterEach, describe, expect, it, vi } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { lostOf } from "#src/lab/datagram.ts";
import { DatagramClient } from "#src/lab/datagram-client.ts";
import type { DatagramCase } from "#src/lab/datagram-difference.ts";
import { forecastVisits } from "#src/lab/datagram-forecast.ts";
import { explainDatagrams } from "#src/lab/difference.ts";
import { planChanges } from "#src/lab/expectation.ts";
import { PodDatagrams } from "#src/lab/pod-datagrams.ts";
import type { Step } from "#src/lab/scenario.ts";
import { systemClock } from "#src/net/clock.ts";
import type { Flow } from "#src/net/flow.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";
import { scenarioOf } from "./scenario-of.ts";

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});

async function beginFlows(destinationPort: number, count: number): Promise<DatagramClient> {
  const client = new DatagramClient(systemClock);
  cleanUp.push(() => client.close());
  const orders = Array.from({ length: count }, (_, i) => ({
    flow: `flow ${i}`,
    sourceAddress: "127.0.0.1",
    // Whichever is free: other runs of this test may be under way on the machine.
    sourcePort: 0,
    destinationAddress: "127.0.0.1",
    destinationPort,
    everyMs: 5,
  }));
  await client.begin(orders);
  return client;
}

/** A pod that has ways of its own with each number. */
async function startOddPod(answer: (number: number, reply: (number: number) => void) => void): Promise<number> {
  const socket = createSocket("udp4");
  cleanUp.push(() => socket.close());
  socket.on("message", (bytes: Buffer, { address, port }: RemoteInfo) =>
    answer(Number(bytes.toString()), (number) =>
      socket.send(
        JSON.stringify({ pod: number < 20 ? "p1" : "p2", source: address, sourcePort: port, echo: `${number}` }),
        port,
        address,
      ),
    ),
  );
  await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
  return socket.address().port;
}

const untilAnswered = (client: { answered: () => number }, count: number) =>
  vi.waitFor(() => expect(client.answered()).toBeGreaterThan(count), { timeout: 10_000, interval: 5 });

describe("the client of datagrams", () => {
  it("sends, and knows from the pod which one it is and what it saw", async () => {
    const pod = new PodDatagrams("p1");
    cleanUp.push(() => pod.close());
    const client = await beginFlows(await pod.listen(0, "127.0.0.1"), 5);
    const records = await client.records();
    expect(records).toHaveLength(5);
    for (const record of records) {
      expect(record).toMatchObject({ duplicated: 0, reordered: 0, entrances: [{ pod: "p1", sourceSeen: "127.0.0.1" }] });
      expect(record.answered).toBeGreaterThan(0);
      expect(lostOf(record)).toBe(0);
    }
  });

  it("counts what is lost, what comes twice and what is overtaken, each once, and orders pods by what was sent", async () => {
    let count = 0;
    let held: number | undefined;
    const port = await startOddPod((number, reply) => {
      count += 1;
      if (number === 3) return;
      if (number === 5) reply(number);
      // 19 comes behind 20, which another pod answers: it went before it all the same.
      if (number === 19) {
        held = number;
        return;
      }
      reply(number);
      if (held !== undefined) reply(held);
      held = undefined;
    });
    const client = await beginFlows(port, 1);
    await untilAnswered({ answered: () => count }, 30);
    const [record] = await client.records();
    expect(record).toMatchObject({ duplicated: 1, reordered: 1 });
    expect(lostOf(record)).toBe(1);
    expect(record.entrances.map(({ pod }) => pod)).toEqual(["p1", "p2"]);
  });

  it("counts a flow that nobody answers as lost, and goes on", async () => {
    const closed = await startOddPod(() => {});
    const client = await beginFlows(closed, 1);
    const [record] = await client.records();
    expect(record.answered).toBe(0);
    expect(lostOf(record)).toBe(record.sent);
  });
});

describe("the nodes that a flow visits", () => {
  const [A, B] = ["10.0.0.12", "10.0.0.11"];
  const visits = (nextHops: (string | undefined)[], ...timeline: Step[]) => {
    const always = { flow: {} as Flow, fromMs: Number.NEGATIVE_INFINITY, toMs: Number.POSITIVE_INFINITY };
    const plan = planChanges(loadLab("metallb-bgp"), scenarioOf(...timeline));
    const [forecast] = forecastVisits(plan, [{ flow: "f", prefix: undefined, nextHops }], [always]);
    return forecast.visits.map(({ nextHop }) => nextHop);
  };
  const gone = { atSeconds: 1, fault: "withdraw", node: "n2", untilSeconds: 2 } as const;

  it("are those of its path, each where it differs from the one before it", () => {
    expect(visits([A, B, A], gone)).toEqual([A, B, A]);
    expect(visits([B, B, B], gone)).toEqual([B]);
    expect(visits([A, undefined, A], gone)).toEqual([A]);
  });

  it("have none that is cut off all the while", () => {
    const moved = { atSeconds: 1, fault: "withdraw", node: "n1" } as const;
    const cut = { atSeconds: 0.5, fault: "silent-node", node: "n2" } as const;
    // n1 departs at 1 s, and n2, silent since half a second, is missed at 3.5 s.
    expect(visits([B, A, "10.0.0.13"], moved, cut)).toEqual([B, "10.0.0.13"]);
  });
});

describe("a flow that went elsewhere", () => {
  const visit = (nextHop: string, lastsMs = Number.POSITIVE_INFINITY) => ({ nextHop, lastsMs });
  const base: DatagramCase = {
    visits: [visit("a"), visit("b", 0), visit("a")],
    entered: ["a"],
    everyMs: 50,
    router: { kind: "ecmp-router", ecmp: {} },
    trackedBy: new Set(),
    lostPackets: false,
  };
  const policy1 = { kind: "linux", policy: 1, seed: 1 } as const;
  const lasting = [visit("a"), visit("b"), visit("c")];
  it.each<[string | undefined, Partial<DatagramCase>]>([
    [undefined, { entered: ["a", "b", "a"] }],
    ["too-brief", {}],
    ["unexplained", { visits: [visit("a"), visit("b", 50), visit("a")] }],
    ["unexplained", { entered: ["a", "c"] }],
    ["unexplained", { entered: [undefined] }],
    ["unanswered", { visits: lasting, entered: ["a", "c"], trackedBy: new Set(["a", "b"]) }],
    ["unexplained", { visits: lasting, entered: ["a", "c"], trackedBy: new Set(["a", "c"]) }],
    ["unexplained", { visits: lasting, entered: ["c", "a"], trackedBy: new Set(["a", "b", "c"]) }],
    ["packets-lost", { visits: lasting, entered: ["a"], lostPackets: true }],
    ["socket-hash", { visits: lasting, entered: ["d"], router: policy1, leftFor: new Set(["d"]) }],
    ["unexplained", { visits: lasting, entered: ["d"], router: policy1, leftFor: new Set(["a"]) }],
    ["unexplained", { visits: lasting, entered: ["d"], leftFor: new Set(["d"]) }],
  ])("has the reason %s", (reason, part) => expect(explainDatagrams({ ...base, ...part })).toBe(reason));
});

describe.skipIf(!canRunLabs)("the scenario datagrams", () => {
  it("sees duplicates and disorder where they were made, and flows move as forecast", { timeout: LAB_DEADLINE_MS }, async () => {
    const { strategies, rows, stderr } = await runScenario("datagrams", "--only", "faults");
    expect(strategies, stderr).toHaveLength(1);
    const [{ datagrams, unexplained, verdicts }] = strategies;
    expect(rows).toHaveLength(4);
    expect(unexplained).toEqual([]);
    expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
    expect(datagrams).toMatchObject({ flows: 4, lost: 0, answered: datagrams.sent, moved: datagrams.forecast });
    expect(datagrams.moved).toBeGreaterThan(1);
    expect(datagrams.duplicated).toBeGreaterThan(0);
    // Twice by n1 and nobody else; out of turn by n3, which the only flow of its own has to itself.
    for (const { node, forecastNode, duplicated, reordered, outcome, forecast } of rows) {
      expect(forecastNode).toBe(node);
      expect(duplicated !== "0", node).toBe(node.includes("n1"));
      expect(reordered !== "0", node).toBe(node.includes("n3"));
      expect([outcome, forecast]).toContainEqual(node.includes(">") ? "moved" : "stayed");
      expect(forecast).toBe(node.includes(">") ? "moves" : "stays");
    }
  });
});
