/**
 * The HTTP door: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever starts and stops containers. Alive is who
 * answers; ready is who forwards. Neither says anything of BGP: a peer's failure is no reason to restart this router.
 */
import { createServer, type ServerResponse } from "node:http";
import { renderMetrics } from "./metrics.ts";
import type { Router } from "./router.ts";

export interface ScrapeServer {
  readonly port: number;
  close(): Promise<void>;
}

const TEXT = "text/plain; version=0.0.4; charset=utf-8";
const REQUEST_DEADLINE_MS = 5000;
const CONNECTIONS = 64;

/** Rejects when the port cannot be had. */
export function serveScrapes(router: Router, { address, port }: { address: string; port: number }): Promise<ScrapeServer> {
  const pages: Readonly<Record<string, () => string>> = {
    "/metrics": () => renderMetrics(router),
    "/livez": () => "alive\n",
    "/readyz": () => {
      router.dataplane();
      return "ready\n";
    },
  };
  const server = createServer({ requestTimeout: REQUEST_DEADLINE_MS }, (request, response) => {
    const page = pages[request.url ?? ""];
    if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "wanted GET\n");
    if (!page) return answer(response, 404, `wanted one of ${Object.keys(pages).join(", ")}\n`);
    try {
      answer(response, 200, page());
    } catch (error) {
      answer(response, 503, `${(error as Error).message}\n`);
    }
  });
  server.maxConnections = CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => {
      server.off("error", reject);
      // A failed accept (out of descriptors) concerns one connection, not the server.
      server.on("error", () => undefined);
      const bound = server.address();
      resolve({
        port: typeof bound === "object" && bound ? bound.port : port,
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": TEXT }).end(text);
}
