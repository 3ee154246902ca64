/**
 * What a NAT translates, told to who cannot look into its kernel: in containers the clients are in another one. Whoever connects
 * to the NAT's socket (`container-sockets.ts`) gets the listing of its connection tracking, and that is all.
 */
import { connect, createServer, type Server } from "node:net";
import { listTracked, parseTranslations } from "./connection-tracking.ts";
import { LabFailure } from "./failure.ts";
import type { Lab } from "./lab.ts";
import type { Translations } from "./nat.ts";
import { here } from "./place.ts";

export function serveTranslations(lab: Lab, socketPath: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    listTracked(lab, here).then(
      (listing) => socket.end(listing),
      () => socket.destroy(),
    );
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(socketPath, () => resolve(server));
  });
}

export function askTranslations(host: string, socketPath: string): Promise<Translations> {
  return new Promise((resolve, reject) => {
    const fail = (found: string) => reject(new LabFailure(host, found, "what it translates", `is it up? ${socketPath}`));
    let listing = "";
    const socket = connect(socketPath);
    socket.setEncoding("utf8").on("data", (text: string) => {
      listing += text;
    });
    socket.on("error", (error) => fail(error.message));
    socket.on("end", () => resolve(parseTranslations(listing)));
    socket.on("close", () => fail("it ended before it had told all"));
  });
}
