/**
 * Waits for all packet rings of a worker at once, and for its wake-up: one poll. Without a wake-up from outside a worker that
 * waits cannot be ended: `terminate()` and `process.exit()` wait for native code to return. So wake it first; for those who
 * forget, no wait takes longer than a second.
 */
import { loadNative, type NativeBindings } from "../../native-bindings/index.ts";
import type { PacketRing } from "./packet-ring.ts";
import type { Waiter } from "./port.ts";

export class PacketWaiter implements Waiter {
  readonly #native: NativeBindings;
  readonly #rings: Uint32Array;
  readonly #wakeDescriptor: number;
  #open = true;

  /** The rings stay the caller's to close, after this. `wakeDescriptor` is that of a `Wake`, of any thread. */
  constructor(ports: readonly PacketRing[], wakeDescriptor: number) {
    this.#native = loadNative();
    this.#rings = Uint32Array.from(ports, (port) => port.ring);
    this.#wakeDescriptor = wakeDescriptor;
  }

  /** May return early. Call it when `receive` of each port has just answered 0: frames still held look like frames waiting. */
  wait(timeoutMs: number): void {
    if (!this.#open) throw new Error("waiter: used after it was closed; wanted an open one");
    this.#native.wait(this.#rings, this.#wakeDescriptor, timeoutMs);
  }

  close(): void {
    this.#open = false;
  }
}
