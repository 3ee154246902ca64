/**
 * The seed of a Cilium cluster (`maglev.hashSeed`; cilium/cilium `pkg/maglev/maglev.go`): 12 bytes, written in base64, that are
 * three numbers. The first lays the backends out (`select/maglev-cilium.ts`), the others hash packets of either family
 * (`hash/cilium.ts`).
 */
export interface CiliumSeeds {
  readonly backends: number;
  readonly ipv4: number;
  readonly ipv6: number;
}

/** Of a cluster that was told none. */
export const DEFAULT_CILIUM_SEED = "JLfvgnHc2kaSUFaI";

export const CILIUM_SEED_BYTES = 12;

export function parseCiliumSeed(hashSeed: string): CiliumSeeds {
  const bytes = Buffer.from(hashSeed, "base64");
  if (bytes.length !== CILIUM_SEED_BYTES)
    throw new RangeError(`Cannot use the Maglev seed ${JSON.stringify(hashSeed)}: wanted 12 bytes in base64`);
  return splitCiliumSeed(bytes);
}

export function splitCiliumSeed(bytes: Uint8Array): CiliumSeeds {
  const view = new DataView(bytes.buffer, bytes.byteOffset, CILIUM_SEED_BYTES);
  return { backends: view.getUint32(0), ipv4: view.getUint32(4), ipv6: view.getUint32(8) };
}
