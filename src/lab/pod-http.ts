/**
 * What a pod does by HTTP/1.1: it answers whatever it is asked with the same bytes, and says in headers which pod it is and which
 * source it sees. Node's own server; it keeps a connection for as long as its client does.
 */
import { createServer } from "node:http";
import { PodListener } from "./pod-listener.ts";

export const POD_HEADER = "x-pod";
export const SOURCE_HEADER = "x-source";

export class PodHttp extends PodListener {
  constructor(name: string) {
    super(
      createServer({ noDelay: true, keepAliveTimeout: 0 }, (question, answer) => {
        const length = question.headers["content-length"] ?? "0";
        answer.writeHead(200, {
          [POD_HEADER]: name,
          [SOURCE_HEADER]: question.socket.remoteAddress ?? "",
          "content-length": length,
        });
        question.pipe(answer);
      }),
    );
  }
}
