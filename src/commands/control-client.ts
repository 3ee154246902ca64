/** The other end of the control socket: one question, an answer or a stream of them. */
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { ControlAnswer, ControlRequest } from "../router/control.ts";
import { CommandError } from "./output.ts";

/** The lines of the router's answer, as they come. */
export async function* ask(control: string, request: ControlRequest): AsyncGenerator<string> {
  const socket = connect(control);
  const connected = new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error: NodeJS.ErrnoException) =>
      reject(new CommandError(`${control}: ${error.code}, wanted the control socket of a running router (ecmp run, --control)`)),
    );
  });
  await connected;
  socket.on("error", () => socket.destroy());
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    yield* createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  } finally {
    socket.destroy();
  }
}

export async function askOnce(control: string, request: ControlRequest): Promise<unknown> {
  for await (const line of ask(control, request)) {
    const answer = JSON.parse(line) as ControlAnswer;
    if ("error" in answer) throw new CommandError(answer.error);
    return answer.value;
  }
  throw new CommandError(`${control}: the router hung up without an answer`);
}
