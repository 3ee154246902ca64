/** Outcomes as rows for people and scripts: one row an outcome, or one row a member of it. */
import type { MemberOrder } from "../ecmp/member-order.ts";
import { formatAddress } from "../net/address.ts";
import type { CaptureFlows } from "./capture-flows.ts";
import { csvLine } from "./csv.ts";
import type { LinkCount } from "./link-counts.ts";
import type { Outcome, Refusal } from "./scenario.ts";

/** What was divided or drawn a root of, as JSON and CSV have it: six digits that count. Counts and shares are exact. */
export const rounded = (value: number): number => Number(value.toPrecision(6));

/** One line of `ecmp disrupt --json`: names and order are a contract. */
export interface OutcomeRow {
  readonly selector: string;
  /** How many there were before the event. */
  readonly members: number;
  readonly event: string;
  readonly flows: number;
  readonly moved: number;
  readonly movedShare: number;
  readonly unavoidable: number;
  readonly excess: number;
  readonly maxOverMean: number;
  readonly memberOrder: MemberOrder;
}

export const outcomeRow = ({ choice, memberOrder, members, event, disruption }: Outcome): OutcomeRow => ({
  selector: choice.name,
  members,
  event,
  flows: disruption.flows,
  moved: disruption.moved,
  movedShare: disruption.flows === 0 ? 0 : disruption.moved / disruption.flows,
  unavoidable: disruption.unavoidable,
  excess: disruption.excess,
  maxOverMean: rounded(disruption.maxOverMean),
  memberOrder,
});

/** In each row of a capture: what of it is in no flow, and why. */
export interface CaptureRow {
  readonly packets: number;
  readonly notForwarded: Readonly<Record<string, number>>;
  /** Unless there are none. */
  readonly unknownLinkTypes?: readonly LinkCount[];
}

export const captureRow = ({ allPackets, notForwarded, unknownLinks }: CaptureFlows): CaptureRow => ({
  packets: allPackets,
  notForwarded: Object.fromEntries([...notForwarded].sort(([a], [b]) => (a < b ? -1 : 1))),
  ...(unknownLinks.length > 0 && { unknownLinkTypes: unknownLinks }),
});

export interface MemberRow {
  readonly selector: string;
  readonly event: string;
  readonly address: string;
  /** Of the event's own table: 0 for who is not in it. */
  readonly weightBefore: number;
  readonly weightAfter: number;
  readonly flowsBefore: number;
  readonly flowsAfter: number;
}

export function memberRows({ choice, event, change, disruption }: Outcome): MemberRow[] {
  const weights = ({ members }: Outcome["change"]["before"]) => new Map(members.map(({ address, weight }) => [address, weight]));
  const [before, after] = [weights(change.before), weights(change.after)];
  return disruption.members.map((load) => ({
    selector: choice.name,
    event,
    address: formatAddress(load.address),
    weightBefore: before.get(load.address) ?? 0,
    weightAfter: after.get(load.address) ?? 0,
    flowsBefore: load.before,
    flowsAfter: load.after,
  }));
}

/** In the place of a selector's rows where it could not be filled. */
export interface RefusalRow {
  readonly selector: string;
  readonly refused: string;
}

export const refusalRow = ({ selector, reason }: Refusal): RefusalRow => ({ selector, refused: reason });

/** Columns are the keys of all rows, as they come; what a row has none of is empty. A text with a comma or a quote is quoted. */
export function formatCsv(rows: readonly object[]): string {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const line = (row: object): string => {
    const cells = new Map<string, unknown>(Object.entries(row));
    return csvLine(columns.map((column) => String(cells.get(column) ?? "")));
  };
  return [csvLine(columns), ...rows.map(line)].join("\n");
}
