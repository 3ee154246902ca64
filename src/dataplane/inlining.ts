/**
 * Room for the forwarding core in V8's optimizer. What one function may have inlined is limited to 920 bytes of bytecode, and the
 * stages of a packet come to more: with that the rest are calls, and a packet takes half as long again (`bench/README.md`). The
 * flag is read when a function is optimized, so it takes effect in a running process; it is the whole process's.
 */
import { setFlagsFromString } from "node:v8";

export const allowInlining = (): void => setFlagsFromString("--max-inlined-bytecode-size-cumulative=6000");
