/**
 * The door for `ecmp show`, `ecmp fault` and `ecmp reload`: a Unix socket that only the router's own user may open. One request
 * a connection, a line of JSON; the answer is one line of JSON, or, for what is followed, a line for each event until the other
 * side hangs up.
 */
import { chmodSync, mkdirSync, rmdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";

export const DEFAULT_CONTROL_SOCKET = "/run/ecmp-router/control.sock";

export interface ShowRequest {
  /** The words after `ecmp show`. */
  readonly show: readonly string[];
  readonly follow?: boolean;
}

export interface FaultControlRequest {
  /** Whoever answers reads it. */
  readonly fault: unknown;
}

/** Asks for what SIGHUP asks for, and to be told what came of it. */
export interface ReloadRequest {
  readonly reload: true;
}

export type ControlRequest = ShowRequest | FaultControlRequest | ReloadRequest;

export type ControlAnswer = { readonly value: unknown } | { readonly error: string };

export interface ControlHandler {
  answer(request: ControlRequest): ControlAnswer | Promise<ControlAnswer>;
  /** Called for `follow`; returns what ends it. */
  follow(request: ShowRequest, send: (line: unknown) => void): () => void;
}

const LONGEST_REQUEST_BYTES = 64 * 1024;
/** A follower that does not read is let go rather than remembered for. */
const LARGEST_BACKLOG_BYTES = 4 * 1024 * 1024;

export interface ControlServer {
  close(): Promise<void>;
}

export async function serveControl(path: string, handler: ControlHandler): Promise<ControlServer> {
  const folder = dirname(path);
  const isOurs = mkdirSync(folder, { recursive: true }) !== undefined;
  if (await isAnswering(path))
    throw new Error(`Cannot listen on ${path}: another router answers there, wanted a path of its own`);
  rmSync(path, { force: true });
  const sockets = new Set<Socket>();
  // Who closes its side with the question still waits for the answer.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    serveOne(socket, handler);
  });
  await listen(server, path);
  chmodSync(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
        rmSync(path, { force: true });
        if (isOurs) removeIfEmpty(folder);
      }),
  };
}

/** Whoever runs the next router may be another user. Somebody else may have put something there, or have taken it away. */
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {}
}

const listen = (server: Server, path: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      // A failed accept (out of descriptors) concerns one connection, not the server.
      server.on("error", () => undefined);
      resolve();
    });
  });

/** A socket file that nobody answers at was left by a router that was killed. */
const isAnswering = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Where more wait to be heard than may, somebody listens.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code === "EAGAIN"));
  });

function serveOne(socket: Socket, handler: ControlHandler): void {
  let text = "";
  const hangUp = (): void => void socket.end();
  const onData = (chunk: string): void => {
    text += chunk;
    if (text.length > LONGEST_REQUEST_BYTES) return void socket.destroy();
    const end = text.indexOf("\n");
    if (end < 0) return;
    socket.off("data", onData);
    socket.resume();
    const request = parseRequest(text.slice(0, end));
    if (!request) return void socket.end(`${JSON.stringify({ error: 'wanted a line like {"show":["groups"]}' })}\n`);
    if ("show" in request && request.follow) return follow(socket, handler, request);
    socket.off("end", hangUp);
    void answerSafely(handler, request).then((answer) => socket.end(`${JSON.stringify(answer)}\n`));
  };
  socket.setEncoding("utf8").on("data", onData).on("end", hangUp);
}

/** What is past comes all at once, however fast it is read, and is as much as is kept of it; what is new may not pile up. */
function follow(socket: Socket, handler: ControlHandler, request: ShowRequest): void {
  let largestBacklogBytes = Number.POSITIVE_INFINITY;
  const unfollow = handler.follow(request, (line) => {
    if (!socket.writable) return;
    socket.write(`${JSON.stringify(line)}\n`);
    if (socket.writableLength > largestBacklogBytes) socket.destroy();
  });
  largestBacklogBytes = socket.writableLength + LARGEST_BACKLOG_BYTES;
  socket.once("close", unfollow);
}

/** What is asked too early or too late is an error of that question, and of nothing else. */
async function answerSafely(handler: ControlHandler, request: ControlRequest): Promise<ControlAnswer> {
  try {
    return await handler.answer(request);
  } catch (error) {
    return { error: (error as Error).message };
  }
}

function parseRequest(line: string): ControlRequest | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return undefined;
    if ("fault" in value) return { fault: value.fault };
    if ("reload" in value) return value.reload === true ? { reload: true } : undefined;
    if (!("show" in value) || !Array.isArray(value.show)) return undefined;
    if (!value.show.every((word) => typeof word === "string")) return undefined;
    return { show: value.show, follow: "follow" in value && value.follow === true };
  } catch {
    return undefined;
  }
}
