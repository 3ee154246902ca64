/**
 * Pages of 2 MiB under shared memory that is looked up in at random, so that an address is translated without a walk of its own.
 * For the FIB's image: whoever makes one asks before anything is written to it. What is touched costs 2 MiB a time from then on.
 */
import { loadNative } from "../../native-bindings/index.ts";

/** False where the kernel has no such pages, or the memory has no room for one; nothing else is different then. */
export const adviseLargePages = (memory: SharedArrayBuffer): boolean => loadNative().adviseLargePages(new Uint8Array(memory));
