/**
 * Plain values (numbers, texts, arrays, typed ones too, objects of these) by their content: whether two say the same, and a
 * number by which those that do are found. A field that is undefined counts as one that is not there. The RIB keeps what peers
 * say once by them.
 */

/** Of 32 bits, signed: an unsigned number would be allocated. */
export function mixHash(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

export function hashValue(value: unknown, hash = 0): number {
  if (typeof value === "number") return mixHash(hash, value);
  if (typeof value === "string") {
    for (let i = 0; i < value.length; i++) hash = mixHash(hash, value.charCodeAt(i));
    return hash;
  }
  if (typeof value !== "object" || value === null) return mixHash(hash, Number(value));
  if (isList(value)) {
    for (let i = 0; i < value.length; i++) hash = hashValue(value[i], hash);
    return mixHash(hash, value.length);
  }
  for (const key in value) {
    const field = (value as Record<string, unknown>)[key];
    // Of a name the length will do: it only tells apart what is equal otherwise.
    if (field !== undefined) hash = hashValue(field, mixHash(hash, key.length));
  }
  return hash;
}

export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (isList(a) !== isList(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  return isList(a) ? sameItems(a, b as typeof a) : hasFieldsOf(a, b) && hasFieldsOf(b, a);
}

const isList = (value: object): value is ArrayLike<unknown> => Array.isArray(value) || ArrayBuffer.isView(value);

function sameItems(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!sameValue(a[i], b[i])) return false;
  return true;
}

function hasFieldsOf(a: object, b: object): boolean {
  for (const key in b) {
    if (!sameValue((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key])) return false;
  }
  return true;
}
