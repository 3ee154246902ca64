/**
 * One attempt of a short request by HTTP/1.1: a POST for each exchange, all over one connection that is kept alive (RFC 9112
 * section 9.3), and the last one says `Connection: close`; an attempt of one exchange has no keep-alive. Both ends are Node's
 * own. `request-client.ts` makes it.
 *
 * A user's client would open another connection when the one that it kept is gone. This one fails instead: which connections
 * break is the question.
 */
import { Agent, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { type Clock, delay } from "../net/clock.ts";
import { reset } from "./load-client.ts";
import { POD_HEADER, SOURCE_HEADER } from "./pod-http.ts";
import { ANSWER_TIMEOUT_MS, type Attempt, awaitAnswer, NO_ANSWER } from "./request.ts";
import { afterSilence } from "./silence.ts";

export async function attemptByHttp(attempt: Attempt): Promise<string | undefined> {
  const { clock, order } = attempt;
  const connection: KeptConnection = { agent: new Agent({ keepAlive: true, maxSockets: 1, noDelay: true }), socket: undefined };
  let failure: string | undefined;
  for (let left = order.exchanges; left > 0 && failure === undefined; left--) {
    if (connection.socket) await delay(clock, order.everyMs);
    failure = await exchange(attempt, connection, left === 1);
  }
  if (connection.socket) await untilClosed(clock, connection.socket);
  connection.agent.destroy();
  return failure;
}

interface KeptConnection {
  readonly agent: Agent;
  socket: Socket | undefined;
}

/** Why it failed, or undefined. */
function exchange(attempt: Attempt, connection: KeptConnection, isLast: boolean) {
  const { clock, order, localPort, record } = attempt;
  return new Promise<string | undefined>((settled) => {
    const isFirst = connection.socket === undefined;
    const body = Buffer.alloc(order.bytes, "ask\n");
    const asked = request({
      agent: connection.agent,
      host: order.destinationAddress,
      port: order.destinationPort,
      localAddress: order.sourceAddress,
      method: "POST",
      headers: { "content-length": body.length, ...(isLast ? { connection: "close" } : {}) },
      ...(localPort === undefined ? {} : { localPort }),
    });
    const end = (failure?: string) => {
      cancel();
      settled(failure);
      if (failure === undefined) return;
      // Ended in order, it would wait for the answer that does not come, and the next run could not have its port.
      if (connection.socket) reset(connection.socket);
      asked.destroy();
    };
    const patience = () => awaitAnswer(attempt, () => end(NO_ANSWER));
    let cancel = patience();
    const fail = (error: NodeJS.ErrnoException) => end(error.code ?? error.message);
    asked.on("error", fail);
    asked.on("socket", (socket) => {
      // The pod, or a reset, has ended the one that was kept.
      if (!isFirst && socket !== connection.socket) return end("closed");
      connection.socket = socket;
      asked.end(body);
    });
    asked.on("response", (answer) => {
      if (isFirst) record.firstByteAtMs = clock.nowMs();
      if (isFirst && localPort !== undefined) Object.assign(record, podOf(answer));
      let missing = order.bytes;
      answer.on("data", (bytes: Buffer) => {
        cancel();
        cancel = patience();
        missing -= bytes.length;
        record.bytes += bytes.length;
        record.lastByteAtMs = clock.nowMs();
      });
      answer.on("error", fail);
      answer.on("end", () => end(answer.statusCode === 200 && missing === 0 ? undefined : `status ${answer.statusCode}`));
    });
  });
}

const podOf = ({ headers }: IncomingMessage) => ({
  pod: String(headers[POD_HEADER] ?? ""),
  sourceSeen: String(headers[SOURCE_HEADER] ?? ""),
});

/** Both sides end it after the last answer; what keeps the end back is no failure any more. */
const untilClosed = (clock: Clock, socket: Socket): Promise<void> =>
  new Promise((closed) => {
    if (socket.closed) return closed();
    const cancel = afterSilence(clock, ANSWER_TIMEOUT_MS, () => reset(socket));
    socket.once("close", () => {
      cancel();
      closed();
    });
  });
