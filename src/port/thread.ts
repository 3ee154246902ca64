/** The calling thread's name, and its place among the others of the machine; for workers that must not be kept waiting. */
import { loadNative } from "../../native-bindings/index.ts";

/** What `top -H` and /proc call it; 1 to 15 bytes. */
export const nameThread = (name: string): void => loadNative().nameThread(name);

/**
 * Before all that is not real-time; false where that is not ours to ask (CAP_SYS_NICE). A lower nice value is no such thing:
 * Linux weighs it only among the processes of one session (autogroup) or control group.
 */
export const makeThreadRealTime = (): boolean => loadNative().makeThreadRealTime();
