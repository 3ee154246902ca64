/**
 * The entry of BFD's own thread: waits for datagrams, for the main thread, or for the next deadline, whichever is first, and
 * never for the main thread's work. What has arrived is read before anybody is found silent, so a pause of this process is not
 * taken for one of the peer.
 */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { systemClock } from "../net/clock.ts";
import { seededRandom } from "../net/random.ts";
import { waitForDatagrams } from "../port/datagram-socket.ts";
import { makeThreadRealTime } from "../port/thread.ts";
import type { Drop } from "./packet.ts";
import { type BfdChange, type BfdPeer, type BfdSessionView, Sessions } from "./sessions.ts";
import { BfdSockets } from "./sockets.ts";

export interface BfdWorkerSetup {
  readonly seed: number;
  readonly wakeDescriptor: number;
}

/** To the worker: the sessions that are wanted; `stop` says the peers that they are down by their operator's will. */
export type BfdOrder = { readonly kind: "configure"; readonly peers: readonly BfdPeer[] } | { readonly kind: "stop" };

export type BfdReport =
  /** To an order. */
  | { readonly kind: "configured"; readonly problems: readonly string[] }
  | { readonly kind: "change"; readonly change: BfdChange }
  | { readonly kind: "views"; readonly views: readonly BfdSessionView[]; readonly drops: Readonly<Record<Drop, number>> };

/** How old counters may be that are shown; states are told as they change. */
const VIEWS_EVERY_MS = 1000;
/** Nobody who floods us keeps a deadline from being looked at. */
const DATAGRAMS_PER_TURN = 256;

function run({ seed, wakeDescriptor }: BfdWorkerSetup, port: MessagePort): void {
  // What keeps this thread waiting for longer than a detection time looks like a loss, here or to the peer.
  makeThreadRealTime();
  const random = seededRandom(seed);
  const say = (report: BfdReport): void => port.postMessage(report);
  const sockets = new BfdSockets(random);
  /** When views were last told; 0: at the next opportunity. */
  let viewsAtMs = 0;
  const sessions = new Sessions({
    clock: systemClock,
    random,
    send: (peer, bytes) => sockets.send(peer, bytes),
    onEnd: (peer) => sockets.end(peer),
    onChange(change) {
      say({ kind: "change", change });
      viewsAtMs = 0;
    },
  });

  for (;;) {
    for (let order = receiveOrder(port); order; order = receiveOrder(port)) {
      if (order.kind === "stop") {
        sessions.configure([]);
        sockets.close();
        return port.close();
      }
      const problems = sockets.configure(order.peers);
      sessions.configure(order.peers);
      say({ kind: "configured", problems });
      viewsAtMs = 0;
    }
    sockets.receive(sessions, DATAGRAMS_PER_TURN);
    const nextMs = Math.min(sessions.tick(), viewsAtMs + VIEWS_EVERY_MS);
    const nowMs = systemClock.nowMs();
    if (nowMs >= viewsAtMs + VIEWS_EVERY_MS) {
      viewsAtMs = nowMs;
      say({ kind: "views", views: sessions.views(), drops: sessions.drops });
    }
    waitForDatagrams(sockets.open(), wakeDescriptor, Math.max(0, nextMs - nowMs));
  }
}

const receiveOrder = (port: MessagePort): BfdOrder | undefined => receiveMessageOnPort(port)?.message;

if (parentPort) run(workerData as BfdWorkerSetup, parentPort);
