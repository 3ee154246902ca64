/** The control socket over a real Unix socket. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { ask, askOnce } from "#src/commands/control-client.ts";
import { delay, systemClock } from "#src/net/clock.ts";
import { randomBelow, seededRandom } from "#src/net/random.ts";
import { type ControlRequest, type ControlServer, serveControl } from "#src/router/control.ts";
import { eventually } from "../speaker/recorder.ts";

let folder: string;
let path: string;
let server: ControlServer | undefined;
let follower: ((line: unknown) => void) | undefined;

const handler = {
  answer(request: ControlRequest) {
    if ("fault" in request) return { value: { fault: request.fault } };
    if ("reload" in request) return Promise.reject(new Error("no such file"));
    return request.show[0] === "no" ? { error: "no such thing" } : { value: { words: request.show } };
  },
  follow(_: unknown, send: (line: unknown) => void) {
    send({ n: 0 });
    follower = send;
    return () => {
      follower = undefined;
    };
  },
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ecmp-control-"));
  path = join(folder, "in", "control.sock");
});
afterEach(async () => {
  await server?.close();
  rmSync(folder, { recursive: true });
});

const closed = (socket: ReturnType<typeof connect>): Promise<void> =>
  new Promise((resolve) => socket.once("close", () => resolve()));

describe("the control socket", () => {
  it("answers what takes time, and says what came of it", async () => {
    server = await serveControl(path, handler);
    await expect(askOnce(path, { reload: true })).rejects.toThrow("no such file");
  });

  it("answers a question and is its owner's alone", async () => {
    server = await serveControl(path, handler);
    expect(await askOnce(path, { show: ["groups"] })).toEqual({ words: ["groups"] });
    await expect(askOnce(path, { show: ["no"] })).rejects.toThrow("no such thing");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it("takes the folder away that was made for it, unless there is something else in it", async () => {
    const inner = join(folder, "in");
    await (await serveControl(path, handler)).close();
    expect(existsSync(inner)).toBe(false);
    server = await serveControl(path, handler);
    writeFileSync(join(inner, "else"), "");
    await server.close();
    server = await serveControl(path, handler);
    await server.close();
    expect(existsSync(inner)).toBe(true);
    server = undefined;
  });

  it("hands a request for faults on as it is", async () => {
    server = await serveControl(path, handler);
    expect(await askOnce(path, { fault: { action: "list" } })).toEqual({ fault: { action: "list" } });
  });

  it("follows until the other side hangs up", async () => {
    server = await serveControl(path, handler);
    const lines: unknown[] = [];
    for await (const line of ask(path, { show: ["events"], follow: true })) {
      lines.push(JSON.parse(line));
      if (lines.length === 3) break;
      follower?.({ n: lines.length });
    }
    expect(lines).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
    while (follower) await new Promise((resolve) => setImmediate(resolve));
  });

  it("tells a follower all that is past, however much it is", async () => {
    const past = Array.from({ length: 10_000 }, (_, n) => ({ n, text: "x".repeat(1000) }));
    const follow = (_: unknown, send: (line: unknown) => void) => {
      for (const event of past) send(event);
      return () => undefined;
    };
    server = await serveControl(path, { ...handler, follow });
    let count = 0;
    for await (const line of ask(path, { show: ["events"], follow: true })) {
      expect((JSON.parse(line) as { n: number }).n).toBe(count++);
      if (count === past.length) break;
    }
    expect(count).toBe(past.length);
  });

  it("lets go a follower that does not read what comes", async () => {
    server = await serveControl(path, handler);
    const socket = connect(path);
    socket.on("error", () => {});
    socket.write(`${JSON.stringify({ show: ["events"], follow: true })}\n`);
    while (!follower) await new Promise((resolve) => setImmediate(resolve));
    for (let sent = 0; sent < 5; sent++) follower?.({ text: "x".repeat(1024 * 1024) });
    while (follower) await new Promise((resolve) => setImmediate(resolve));
    socket.destroy();
  });

  it("answers who closes its side with the question, when the answer takes time", async () => {
    const answer = () => delay(systemClock, 50).then(() => ({ value: "here" }));
    server = await serveControl(path, { ...handler, answer });
    const socket = connect({ path, allowHalfOpen: true });
    socket.end('{"show":["bgp"]}\n');
    expect(await text(socket)).toBe('{"value":"here"}\n');
  });

  it("reads a question that comes in pieces, of whatever letters", async () => {
    server = await serveControl(path, handler);
    const socket = connect(path);
    for (const byte of Buffer.from('{"show":["größe"]}\n')) {
      socket.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await text(socket)).toBe('{"value":{"words":["größe"]}}\n');
  });

  it("outlives connections that the system cannot accept", async () => {
    const listening = vi.spyOn(Server.prototype, "listen");
    onTestFinished(() => listening.mockRestore());
    server = await serveControl(path, handler);
    for (let failed = 0; failed < 3; failed++) (listening.mock.contexts[0] as Server).emit("error", new Error("accept EMFILE"));
    expect(await askOnce(path, { show: ["groups"] })).toEqual({ words: ["groups"] });
  });

  it("survives a thousand who say a part of a question and hang up, in whatever way", async () => {
    server = await serveControl(path, handler);
    const before = process.getActiveResourcesInfo().filter((name) => name === "PipeWrap").length;
    const question = '{"show":["groups"],"follow":true}\n';
    const random = seededRandom(1);
    const storm = Array.from({ length: 1000 }, () => {
      const socket = connect({ path, allowHalfOpen: randomBelow(random, 2) === 0 });
      socket.on("error", () => {});
      const part = question.slice(0, randomBelow(random, question.length + 1));
      const endings = [() => socket.end(part), () => socket.write(part, () => socket.destroy()), () => socket.write(part)];
      endings[randomBelow(random, endings.length)]();
      if (randomBelow(random, 2) === 0) socket.resume();
      return socket;
    });
    // More of them than may wait: that somebody is there is certain all the same.
    await expect(serveControl(path, handler)).rejects.toThrow("another router answers there");
    await eventually("an answer", () => askOnce(path, { show: ["groups"] }).then(Boolean, () => false));
    await server.close();
    server = undefined;
    for (const socket of storm) socket.destroy();
    await eventually(
      "all are gone",
      () => process.getActiveResourcesInfo().filter((name) => name === "PipeWrap").length < before,
    );
    expect(follower).toBeUndefined();
  });

  it("survives nonsense, silence and floods", async () => {
    server = await serveControl(path, handler);
    for (const text of ["\n", "{}\n", "null\n", '{"show":[1]}\n', "x".repeat(100_000)]) {
      const socket = connect(path);
      socket.on("error", () => {});
      socket.resume();
      socket.write(text);
      await closed(socket);
    }
    connect(path).unref();
    expect(await askOnce(path, { show: ["still", "here"] })).toEqual({ words: ["still", "here"] });
  });

  it("takes the place of a router that was killed, and not of one that runs", async () => {
    server = await serveControl(path, handler);
    await expect(serveControl(path, handler)).rejects.toThrow("another router answers there");
    await server.close();
    mkdirSync(dirname(path));
    writeFileSync(path, "");
    server = await serveControl(path, handler);
    expect(await askOnce(path, { show: ["a"] })).toEqual({ words: ["a"] });
  });

  it("says whom it could not reach", async () => {
    server = undefined;
    await expect(askOnce(join(folder, "none.sock"), { show: ["groups"] })).rejects.toThrow(
      /none\.sock: ENOENT, wanted the control socket/,
    );
  });
});
