/**
 * One attempt of a short request at a pod that gives back what it gets: the pod's greeting is its first answer, then it asks
 * questions one after the other, and is reset. `request-client.ts` makes it.
 */
import { connect } from "node:net";
import { reset } from "./load-client.ts";
import type { PodGreeting } from "./pod.ts";
import { type Attempt, awaitAnswer, NO_ANSWER } from "./request.ts";

export function attemptByEcho(attempt: Attempt): Promise<string | undefined> {
  const { clock, order, localPort, record } = attempt;
  return new Promise((settled) => {
    const socket = connect({
      host: order.destinationAddress,
      port: order.destinationPort,
      localAddress: order.sourceAddress,
      noDelay: true,
      ...(localPort === undefined ? {} : { localPort }),
    });
    let failure: string | undefined;
    let left = order.exchanges;
    // Of the answer that is awaited; the first one is the pod's greeting, and ends with its line.
    let missing = Number.POSITIVE_INFINITY;
    const fail = (why: string) => {
      failure ??= why;
      // Ended in order, it would wait for the answer that does not come, and the next run could not have its port.
      reset(socket);
    };
    const patience = () => awaitAnswer(attempt, () => fail(NO_ANSWER));
    let cancel = patience();
    const ask = () => {
      missing = order.bytes;
      socket.write(Buffer.alloc(order.bytes, "ask\n"));
      cancel = patience();
    };
    socket.on("data", (bytes) => {
      cancel();
      const isGreeting = missing === Number.POSITIVE_INFINITY;
      if (isGreeting && localPort !== undefined && record.pod === undefined) {
        const { pod, source } = JSON.parse(bytes.toString("utf8")) as PodGreeting;
        Object.assign(record, { pod, sourceSeen: source });
      }
      missing = isGreeting && bytes.includes("\n") ? 0 : missing - bytes.length;
      record.lastByteAtMs = clock.nowMs();
      if (isGreeting) record.firstByteAtMs = record.lastByteAtMs;
      else record.bytes += bytes.length;
      if (missing > 0) {
        cancel = patience();
        return;
      }
      left -= 1;
      // A reset leaves no TIME_WAIT: the same source ports can be used again at once.
      if (left <= 0) return void socket.resetAndDestroy();
      cancel = clock.setTimer(order.everyMs, ask);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.on("end", () => (left > 0 ? fail("closed") : undefined));
    socket.on("close", () => {
      cancel();
      settled(failure);
    });
  });
}
