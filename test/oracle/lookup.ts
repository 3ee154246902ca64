/**
 * Longest-prefix match a second way: walk a list of prefixes and keep the longest that fits, bit by bit, in arbitrary
 * precision. Nothing of the product is imported; addresses are text.
 */

/** Width in bits and value of an address in text, IPv4 or IPv6. */
export function readAddress(text: string): { bits: number; value: bigint } {
  if (!text.includes(":")) return { bits: 32, value: text.split(".").reduce((value, part) => value * 256n + BigInt(part), 0n) };
  const [head, tail] = text.split("::").map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = new Array<string>(8 - head.length - (tail?.length ?? 0)).fill("0");
  const groups = [...head, ...(tail ? [...zeros, ...tail] : [])];
  return { bits: 128, value: groups.reduce((value, group) => value * 65536n + BigInt(`0x${group}`), 0n) };
}

export function slowLookup(prefixes: Iterable<string>, address: string): string | undefined {
  const wanted = readAddress(address);
  let best: string | undefined;
  let longest = -1;
  for (const prefix of prefixes) {
    const [network, digits] = prefix.split("/");
    const { bits, value } = readAddress(network);
    const length = Number(digits);
    const rest = BigInt(bits - length);
    if (bits === wanted.bits && value >> rest === wanted.value >> rest && length > longest) {
      best = prefix;
      longest = length;
    }
  }
  return best;
}
