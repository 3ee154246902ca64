/**
 * Short requests by HTTP/1.1, over loopback: what one connection is kept for, and every way in which it fails; how long connections
 * are kept, by their distribution; and on real parts, when a node goes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { drawExchanges, MOST_EXCHANGES } from "#src/lab/exchanges.ts";
import { PodHttp } from "#src/lab/pod-http.ts";
import type { RequestOrder, RequestRecord } from "#src/lab/request.ts";
import { RequestClient } from "#src/lab/request-client.ts";
import { systemClock } from "#src/net/clock.ts";
import { seededRandom } from "#src/net/random.ts";
import { canRunLabs, LAB_DEADLINE_MS, runScenario } from "./run-lab.ts";

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const each of cleanUp.splice(0)) each();
});

async function play(destinationPort: number, order: Partial<RequestOrder>): Promise<RequestRecord> {
  const client = new RequestClient(systemClock);
  client.begin([
    {
      flow: "request",
      sourceAddress: "127.0.0.1",
      sourcePort: 0,
      destinationAddress: "127.0.0.1",
      destinationPort,
      atMs: 0,
      language: "http",
      exchanges: 1,
      everyMs: 5,
      bytes: 10,
      retries: 0,
      ...order,
    },
  ]);
  const [record] = await client.records();
  return record;
}

async function startServer(answer: (question: IncomingMessage, answer: ServerResponse, number: number) => void): Promise<number> {
  let number = 0;
  const server = createServer({ keepAliveTimeout: 0 }, (question, response) => {
    question.resume();
    question.on("end", () => answer(question, response, number++));
  });
  cleanUp.push(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return (server.address() as { port: number }).port;
}

const echo = (response: ServerResponse) => response.end("0123456789");

describe("a request by HTTP", () => {
  it("has its pod from the answer, and every byte of it", async () => {
    const pod = new PodHttp("p1");
    cleanUp.push(() => pod.close());
    const record = await play(await pod.listen(0, "127.0.0.1"), { exchanges: 3, bytes: 100_000 });
    expect(record).toMatchObject({ answered: true, attempts: 1, pod: "p1", sourceSeen: "127.0.0.1", bytes: 300_000 });
    expect(record.lastByteAtMs).toBeGreaterThan(record.firstByteAtMs ?? Number.POSITIVE_INFINITY);
  });

  it.each([1, 4])("of %d exchanges is one connection, and only its last question wants it closed", async (exchanges) => {
    const seen: [number | undefined, string | undefined][] = [];
    const port = await startServer(({ socket, headers }, response) => {
      seen.push([socket.remotePort, headers.connection]);
      echo(response);
    });
    expect(await play(port, { exchanges })).toMatchObject({ answered: true });
    expect(new Set(seen.map(([remotePort]) => remotePort)).size).toBe(1);
    expect(seen.map(([, word]) => word)).toEqual([...Array(exchanges - 1).fill("keep-alive"), "close"]);
  });

  it.each<[string, string, (response: ServerResponse, number: number) => void]>([
    ["is reset", "ECONNRESET", (response) => response.socket?.resetAndDestroy()],
    ["ends where an answer was to come", "ECONNRESET", (response) => response.socket?.end()],
    [
      "is cut off within an answer",
      "ECONNRESET",
      (response) => response.writeHead(200, { "content-length": 10 }).write("01234", () => response.socket?.destroy()),
    ],
    ["gets no answer in time", "no answer", () => {}],
    ["gets too little", "status 200", (response) => response.end("01234")],
    ["gets an error", "status 503", (response) => response.writeHead(503).end("0123456789")],
  ])("that %s has failed by that name, and is tried again from another port", async (_, failure, misbehave) => {
    const port = await startServer((_question, response, number) =>
      number === 1 ? misbehave(response, number) : echo(response),
    );
    const record = await play(port, { exchanges: 2, retries: 1 });
    expect(record).toMatchObject({ failed: failure, answered: true, attempts: 2 });
  });

  it("whose connection ends between two questions has failed: another one would hide it", async () => {
    const port = await startServer(({ socket }, response, number) => {
      echo(response);
      if (number === 0) response.on("finish", () => socket.end());
    });
    expect(await play(port, { exchanges: 2, everyMs: 200 })).toMatchObject({ failed: "closed", answered: false });
  });

  it("has failed where nobody listens", async () => {
    const pod = new PodHttp("gone");
    const port = await pod.listen(0, "127.0.0.1");
    pod.close();
    expect(await play(port, {})).toMatchObject({ failed: "ECONNREFUSED", answered: false });
  });
});

describe("how long a connection is kept", () => {
  const draw = (exchanges: Parameters<typeof drawExchanges>[0], seed: number, count: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: count }, () => drawExchanges(exchanges, random));
  };

  it("is within its bounds, and the same for the same seed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 50 }), fc.nat(), (least, more, seed) => {
        const drawn = draw({ kind: "uniform", least, most: least + more }, seed, 50);
        expect(Math.min(...drawn)).toBeGreaterThanOrEqual(least);
        expect(Math.max(...drawn)).toBeLessThanOrEqual(least + more);
        expect(draw({ kind: "uniform", least, most: least + more }, seed, 50)).toEqual(drawn);
      }),
    );
  });

  it.each([1, 2, 10, 200])("has the mean %d that was asked for, and the shape of a chance to end after each", (mean) => {
    const drawn = draw({ kind: "geometric", mean }, 7, 100_000);
    const average = drawn.reduce((sum, each) => sum + each, 0) / drawn.length;
    // The standard deviation of a geometric draw is below its mean: five of those of the average.
    expect(Math.abs(average - mean)).toBeLessThanOrEqual((5 * mean) / Math.sqrt(drawn.length));
    const ended = drawn.filter((each) => each === 1).length / drawn.length;
    expect(Math.abs(ended - 1 / mean)).toBeLessThan(0.01);
    for (const each of drawn) if (each < 1 || each > MOST_EXCHANGES) expect.fail(`drew ${each}`);
  });

  it("of any number may be every number between, about as often", () => {
    const drawn = draw({ kind: "uniform", least: 3, most: 6 }, 1, 40_000);
    for (const number of [3, 4, 5, 6]) {
      const count = drawn.filter((each) => each === number).length;
      expect(Math.abs(count - 10_000)).toBeLessThan(500);
    }
  });
});

describe.skipIf(!canRunLabs)("requests by HTTP on the real lab", () => {
  it("fail as forecast when a node goes: what was kept alive across it, and nothing else", {
    timeout: LAB_DEADLINE_MS,
  }, async () => {
    const { strategies, rows, stderr } = await runScenario(
      fileURLToPath(new URL("./fixtures/http/scenario.yaml", import.meta.url)),
    );
    expect(strategies, stderr).toHaveLength(1);
    const [{ requests, unexplained, verdicts }] = strategies;
    expect(unexplained).toEqual([]);
    expect(verdicts.filter(({ holds }) => !holds)).toEqual([]);
    expect(requests.failed).toBeGreaterThan(0);
    expect(rows).toHaveLength(requests.count);
    const answered = rows.filter(({ outcome }) => outcome === "answered");
    for (const { node, forecastNode, reason } of answered) if (reason === "") expect(forecastNode).toBe(node);
    for (const { pod, flow, bytes } of answered) {
      expect(pod).toMatch(/^n[1-3]-a$/);
      if (/:22\d+ /.test(flow)) expect(bytes).toBe("2000");
      else expect(Number(bytes) % 4).toBe(0);
    }
    // Some were kept for one exchange, some for many.
    const kept = new Set(answered.filter(({ flow }) => /:20\d+ /.test(flow)).map(({ bytes }) => Number(bytes) / 4));
    expect(kept.size).toBeGreaterThan(3);
  });
});
