/** Toeplitz a second way: a key as long as it takes, shifted by one bit for each bit of the input. */
export function slowToeplitz(bytes: Uint8Array, key: Uint8Array): number {
  const bits = (list: Uint8Array): string => [...list].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const repeated = bits(key).repeat(Math.ceil((bytes.length + 4) / key.length));
  let hash = 0n;
  [...bits(bytes)].forEach((bit, i) => {
    if (bit === "1") hash ^= BigInt(`0b${repeated.slice(i, i + 32)}`);
  });
  return Number(hash);
}
