/**
 * One router a network namespace: two would take each other's ingress rule away. The claim is a socket in the abstract
 * namespace, which the kernel keeps for each network namespace apart and frees with the process, however it ends.
 */
import { createServer, type Server } from "node:net";

const NAME = "\0ecmp-router";

export function claimNamespace(): Promise<{ close(): Promise<void> }> {
  const server: Server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    // Also of an accept that fails later (out of descriptors), which is nobody's concern.
    server.on("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      reject(
        isTaken ? new Error("Cannot start: another ecmp-router runs in this network namespace, wanted one of its own") : error,
      );
    });
    server.listen(NAME, () => resolve({ close: () => new Promise((closed) => server.close(() => closed())) }));
  });
}
