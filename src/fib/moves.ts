/**
 * A batch of route changes by what it moves: which prefixes leave which group, and what members they want. `groups.ts` makes
 * a plan of it.
 */
import type { Member } from "../ecmp/table.ts";
import type { Prefix } from "../net/prefix.ts";
import { createPrefixTable } from "../net/prefix-table.ts";
import type { RouteChange } from "../rib/route.ts";

/** Members in order, and the key of a group of them. */
export interface Wanted {
  readonly members: readonly Member[];
  readonly key: string;
}

/** Prefixes that go from one group to the same members. */
export interface Move {
  readonly members: readonly Member[];
  readonly prefixes: Prefix[];
}

/** By the group that is left and the key of the members that are wanted. */
export type Moves<Group> = Map<Group | undefined, Map<string, Move>>;

/** Changes that really change something, the last word for each prefix. */
export function sortOut<Group extends { readonly key: string }>(
  changes: readonly RouteChange[],
  groupOf: (prefix: Prefix) => Group | undefined,
  wantedOf: (nextHops: readonly Member[]) => Wanted,
): Moves<Group> {
  const isLast = lastWords(changes);
  const moves: Moves<Group> = new Map();
  changes.forEach(({ prefixes, nextHops }, index) => {
    const wanted = wantedOf(nextHops);
    let from: Group | undefined;
    let move: Move | undefined;
    for (const prefix of prefixes) {
      const group = groupOf(prefix);
      if (wanted.key === (group?.key ?? "") || !isLast(prefix, index)) continue;
      // Prefixes of one change mostly come from one group.
      if (!move || group !== from) move = moveOf(moves, group, wanted);
      from = group;
      move.prefixes.push(prefix);
    }
  });
  return moves;
}

function moveOf<Group>(moves: Moves<Group>, from: Group | undefined, { key, members }: Wanted): Move {
  const ofGroup = moves.get(from) ?? new Map<string, Move>();
  moves.set(from, ofGroup);
  const move = ofGroup.get(key) ?? { members, prefixes: [] };
  ofGroup.set(key, move);
  return move;
}

/** Whether no later change names the prefix; one change names each of its own once. */
function lastWords(changes: readonly RouteChange[]): (prefix: Prefix, index: number) => boolean {
  if (changes.length < 2) return () => true;
  const last = createPrefixTable();
  changes.forEach(({ prefixes }, index) => {
    for (const prefix of prefixes) last.set(prefix, index + 1);
  });
  return (prefix, index) => last.get(prefix) === index + 1;
}
