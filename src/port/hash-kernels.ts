/**
 * The addon's hash kernels, where there is an addon: what `ecmp/batch-hash` is handed. Without it everything offline still works.
 */
import { loadNative, type NativeBindings } from "../../native-bindings/index.ts";

export type HashKernels = Pick<NativeBindings, "hashXxh32" | "hashMurmur3" | "hashCrc32c" | "hashToeplitz">;

export function findHashKernels(): HashKernels | undefined {
  try {
    return loadNative();
  } catch {
    return undefined;
  }
}
