/**
 * Why TCP of this network namespace dropped segments that had not what their connection asks for, as the kernel counts it
 * (/proc/net/netstat). It does not count by neighbor; with a wrong password nothing else is heard of the other side at all.
 */
import { readFileSync } from "node:fs";

const COUNTERS = {
  signatureMissing: "TCPMD5NotFound",
  signatureUnexpected: "TCPMD5Unexpected",
  signatureWrong: "TCPMD5Failure",
  ttlTooLow: "TCPMinTTLDrop",
} as const;

export type SegmentDrops = Record<keyof typeof COUNTERS, number>;

export const readSegmentDrops = (): SegmentDrops => parseSegmentDrops(readFileSync("/proc/net/netstat", "utf8"));

/** Two lines each: the names, and in the same places the numbers. A kernel that knows no such thing drops none. */
export function parseSegmentDrops(text: string): SegmentDrops {
  const [names = [], numbers = []] = text
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  const value = (name: string): number => Number(numbers[names.indexOf(name)] ?? 0);
  return Object.fromEntries(Object.entries(COUNTERS).map(([ours, kernel]) => [ours, value(kernel)])) as SegmentDrops;
}
