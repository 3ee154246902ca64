/** The control socket over a real Unix socket. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ask, askOnce } from "#src/commands/control-client.ts";
import { type ControlRequest, type ControlServer, serveControl } from "#src/router/control.ts";

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
