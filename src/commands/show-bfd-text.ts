/** `ecmp show bfd` as people read it. */
import { formatTable } from "./output.ts";

interface ShownBfd {
  readonly peer: string;
  readonly status: string;
  readonly uptime?: number;
  readonly downtime?: number;
  readonly diagnostic: string;
  readonly multihop: boolean;
  readonly "transmit-interval-in-force": number | null;
  readonly "detection-time": number | null;
  readonly "session-down": number;
}

export function formatBfd(sessions: readonly ShownBfd[]): string {
  const header = ["Peer", "Status", "For (s)", "Diagnostic", "Hops", "TX (ms)", "Detection (ms)", "Times down"];
  const rows = sessions.map((one) => [
    ...[one.peer, one.status, one.uptime ?? one.downtime ?? "", one.diagnostic, one.multihop ? "many" : "1"],
    ...[one["transmit-interval-in-force"] ?? "", one["detection-time"] ?? "", one["session-down"]],
  ]);
  return formatTable(header, rows);
}

export const formatBfdDrops = (drops: Record<string, number>): string =>
  formatTable(["Reason", "Packets"], Object.entries(drops));
