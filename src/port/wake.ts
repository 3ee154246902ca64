/**
 * A wake-up: what ends another thread's wait. One thread opens it and closes it last of all; every thread that knows its
 * descriptor (a number, so it travels in a message) may signal it. It is an eventfd: signals before the wait are not lost.
 */
import { loadNative } from "../../native-bindings/index.ts";

export class Wake {
  readonly descriptor: number = loadNative().openEvent();
  #open = true;

  signal(): void {
    if (!this.#open) throw new Error("wake: signaled after it was closed; wanted an open one");
    signalWake(this.descriptor);
  }

  /** Only when nobody waits for it or signals it any more: the number may soon be another file's. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    loadNative().closeEvent(this.descriptor);
  }
}

/** Ends the wait, from a thread that was told the descriptor. */
export function signalWake(descriptor: number): void {
  loadNative().signalEvent(descriptor);
}
