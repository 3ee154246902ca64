/** A speaker of a few lines that does as it is told, right or wrong: so that every verdict can be seen to come about. */
import { createServer, type Server, type Socket } from "node:net";
import { Framer, frame } from "#src/bgp/framer.ts";
import { MESSAGE } from "#src/bgp/iana.ts";
import { encodeMessage } from "#src/bgp/message.ts";
import { IPV4_UNICAST } from "#src/bgp/nlri.ts";

export const SPEAKER_ASN = 65101;

export interface Manners {
  /** What it does with a message after its OPEN was answered, beyond nothing. */
  onMessage?(socket: Socket, type: number, body: Uint8Array): void;
  /** What it does with bytes that are no message. */
  onGarbage?(socket: Socket): void;
  /** What it says instead of OPEN and KEEPALIVE. */
  greeting?: Uint8Array;
  readonly keepaliveMs?: number;
}

export const notify = (socket: Socket, code: number, subcode: number, data: readonly number[] = []): void =>
  void socket.end(frame(MESSAGE.notification, [code, subcode, ...data]));

export class ScriptedSpeaker {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.server = server;
  }

  static start(manners: Manners = {}): Promise<ScriptedSpeaker> {
    const server = createServer();
    const speaker = new ScriptedSpeaker(server);
    server.on("connection", (socket) => speaker.talk(socket, manners));
    return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(speaker)));
  }

  get port(): number {
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("It does not listen");
    return address.port;
  }

  end(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private talk(socket: Socket, manners: Manners): void {
    this.sockets.add(socket);
    socket.on("error", () => undefined);
    const keepalive = () => socket.writable && socket.write(frame(MESSAGE.keepalive));
    socket.write(manners.greeting ?? open());
    const framer = new Framer();
    let timer: NodeJS.Timeout | undefined;
    socket.on("close", () => {
      clearInterval(timer);
      this.sockets.delete(socket);
    });
    socket.on("data", (chunk: Uint8Array) => {
      framer.push(chunk);
      for (let next = framer.next(); next.kind !== "more"; next = framer.next()) {
        if (next.kind === "error") return manners.onGarbage?.(socket);
        if (timer === undefined && next.type === MESSAGE.open) {
          keepalive();
          timer = setInterval(keepalive, manners.keepaliveMs ?? 100);
        } else manners.onMessage?.(socket, next.type, next.body);
      }
    });
  }
}

const open = (): Uint8Array =>
  encodeMessage(
    {
      kind: "open",
      asn: SPEAKER_ASN,
      holdTimeSeconds: 90,
      routerId: 0x0a000001,
      capabilities: [
        { name: "multiprotocol", family: IPV4_UNICAST },
        { name: "four-octet-as", asn: SPEAKER_ASN },
      ],
    },
    4,
  )[0];
