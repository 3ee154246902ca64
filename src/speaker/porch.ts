/**
 * Where a connection waits that comes from a neighbor's address while the session with that neighbor is up. It is a stranger,
 * or the neighbor itself after a crash of which our end of the old connection has not heard. The session asks over the old
 * connection; if that ends at once, whoever waits is let in, and otherwise turned away. One waits at a time, for a moment.
 */
import type { Socket } from "node:net";
import type { CancelTimer, Clock } from "../net/clock.ts";

/** Many times what a reset needs to come back. */
const PATIENCE_MS = 1000;

interface Guest {
  readonly socket: Socket;
  readonly cancel: CancelTimer;
  turnAway(): void;
}

export class Porch {
  private readonly clock: Clock;
  private guest: Guest | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The newest counts: who waited before it is turned away. */
  wait(socket: Socket, turnAway: (socket: Socket) => void): void {
    this.take()?.turnAway();
    const cancel = this.clock.setTimer(PATIENCE_MS, () => this.take()?.turnAway());
    this.guest = { socket, cancel, turnAway: () => turnAway(socket) };
    // Whoever goes away while it waits has asked for nothing, and must not be let in: its socket would never close again.
    socket.on("error", () => undefined);
    socket.once("close", () => this.guest?.socket === socket && this.take());
  }

  /** Lets in whoever waits. */
  open(letIn: (socket: Socket) => void): void {
    const guest = this.take();
    if (guest) letIn(guest.socket);
  }

  private take(): Guest | undefined {
    const { guest } = this;
    this.guest = undefined;
    guest?.cancel();
    return guest;
  }
}
