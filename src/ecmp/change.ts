/**
 * A change of a group's members. The router makes one from a live route change, an experiment from a planned event; both
 * are counted by the same `experiment/disruption.ts`. A group's value is its selection table, which carries its members.
 */
import type { Member, SelectionTable, Selector, SelectorOptions } from "./table.ts";

export interface GroupChange {
  readonly before: SelectionTable;
  readonly after: SelectionTable;
}

/** The change of a group to `members`; `before` is undefined for a group that begins; throws where the selector does. */
export function changeGroup(
  before: SelectionTable | undefined,
  members: readonly Member[],
  selector: Selector,
  options: SelectorOptions = {},
): GroupChange {
  return { before: before ?? selector.fill([], options), after: selector.fill(members, options, before) };
}
