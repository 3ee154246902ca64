/** The calling thread's place among the others of the machine; for workers that must not be kept waiting. */
import { loadNative } from "../../native-bindings/index.ts";

/**
 * Before all that is not real-time; false where that is not ours to ask (CAP_SYS_NICE). A lower nice value is no such thing:
 * Linux weighs it only among the processes of one session (autogroup) or control group.
 */
export const makeThreadRealTime = (): boolean => loadNative().makeThreadRealTime();
