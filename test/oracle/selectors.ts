/**
 * The selectors a second way, as a textbook would explain them: per hash, or with the whole table counted anew at each step.
 * Members are plain names with weights. Nothing of the product is imported.
 */
export interface PlainMember {
  readonly name: string;
  readonly weight: number;
}

/** The one who stands at the hash's remainder when each member is written down as often as its weight says. */
export function slowModulo(members: readonly PlainMember[], hash: number): string | undefined {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  let place = 2;
  while (place <= total) {
    if (members.every(({ weight }) => weight % place === 0)) {
      const divisor = place;
      return slowModulo(
        members.map(({ name, weight }) => ({ name, weight: weight / divisor })),
        hash,
      );
    }
    place++;
  }
  const written = members.flatMap(({ name, weight }) => new Array<string>(weight).fill(name));
  return written[hash % written.length];
}

/** RFC 2992: the member in whose part of the hash space the hash lies; parts end at floor(2^32 * sum of weights / total). */
export function slowThreshold(members: readonly PlainMember[], hash: number): string | undefined {
  const total = members.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
  let sum = 0n;
  for (const { name, weight } of members) {
    sum += BigInt(weight);
    if (BigInt(hash) < (sum << 32n) / total) return name;
  }
  return undefined;
}

/** The owner of each bucket after a change from `previous` (undefined: a first fill). */
export function slowResilient(
  members: readonly PlainMember[],
  buckets: number,
  previous?: { readonly members: readonly PlainMember[]; readonly owners: readonly string[] },
): string[] {
  const names = members.map(({ name }) => name);
  const total = members.reduce((sum, { weight }) => sum + BigInt(weight), 0n);
  const owners: (string | undefined)[] = Array.from({ length: buckets }, (_, i) => {
    const before = previous?.owners[i];
    return before !== undefined && names.includes(before) ? before : undefined;
  });
  // What a member lacks, in buckets times the total weight: its due less what it has.
  const lacks = ({ name, weight }: PlainMember): bigint =>
    BigInt(weight) * BigInt(buckets) - BigInt(owners.filter((owner) => owner === name).length) * total;
  const inOrderOfNeed = (): PlainMember[] =>
    [...members].sort((a, b) =>
      lacks(a) === lacks(b) ? names.indexOf(a.name) - names.indexOf(b.name) : lacks(a) > lacks(b) ? -1 : 1,
    );
  if (members.length === 0) return [];
  while (owners.includes(undefined)) owners[owners.indexOf(undefined)] = inOrderOfNeed()[0].name;
  const stayed = (member: PlainMember): boolean =>
    previous?.members.some(({ name, weight }) => name === member.name && weight === member.weight) ?? false;
  while (!members.every(stayed)) {
    const [neediest] = inOrderOfNeed();
    const fullest = members.find((member) => members.every((other) => lacks(member) <= lacks(other)));
    if (!fullest || (lacks(neediest) < total && lacks(fullest) > -total)) break;
    owners[owners.lastIndexOf(fullest.name)] = neediest.name;
  }
  return owners as string[];
}

/**
 * The fewest buckets that a change can move if afterwards all members are within one bucket of their due: those of the
 * departed, and then at least what the neediest lack or the fullest have too much, counted in whole buckets.
 */
export function fewestMoves(members: readonly PlainMember[], previousOwners: readonly string[]): number {
  const total = members.reduce((sum, { weight }) => sum + weight, 0);
  const buckets = previousOwners.length;
  let missing = 0;
  let surplus = 0;
  let departed = buckets;
  for (const { name, weight } of members) {
    const has = previousOwners.filter((owner) => owner === name).length;
    departed -= has;
    missing += Math.max(0, Math.floor((weight * buckets) / total) - has);
    surplus += Math.max(0, has - Math.ceil((weight * buckets) / total));
  }
  return Math.max(missing, departed + surplus);
}
