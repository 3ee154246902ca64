/**
 * What faults may be told, a row each: which value, what it is when nothing is said. Which fault heeds which stands in the row
 * of the fault (`fault.ts`); scenario files, `ecmp lab fault` and the lab that it asks take a setting from here, and refuse it by
 * name for a fault that does not heed it.
 */
import { z } from "zod";
import { whole } from "../config/scalar.ts";
import { FAULTS, type FaultSettings, type SettingName } from "./fault.ts";
import { LARGEST_TABLE } from "./full-table.ts";
import type { FaultKind } from "./lab.ts";

const A_DAY = 86_400;
const wantedSeconds = `wanted seconds, 0 to ${A_DAY}`;
export const seconds = z.number({ error: wantedSeconds }).min(0, { error: wantedSeconds }).max(A_DAY, { error: wantedSeconds });

export type SomeSettings = { readonly [name in SettingName]?: FaultSettings[name] | undefined };

/** A fault and what it was told. */
export interface ToldFault extends SomeSettings {
  readonly fault: FaultKind;
  readonly node: string;
}

const number = (text: string): number => (text.trim() === "" ? Number.NaN : Number(text));

interface Setting<Value> {
  readonly schema: z.ZodType<NonNullable<Value>>;
  /** What the schema is given of a word. */
  readonly read: (text: string) => unknown;
  readonly default: Value;
  /** As an option of `ecmp lab fault begin`. */
  readonly flag: string;
  readonly says: string;
}

export const FAULT_SETTINGS: { readonly [name in SettingName]: Setting<FaultSettings[name]> } = {
  percent: { schema: whole(1, 100), read: number, default: 100, flag: "--percent <n>", says: "of the packets" },
  prefixes: {
    schema: whole(1, LARGEST_TABLE),
    read: number,
    default: 10_000,
    flag: "--prefixes <n>",
    says: "how many more it announces",
  },
  seed: {
    schema: whole(0, 0xffffffff),
    read: number,
    default: 1,
    flag: "--seed <n>",
    says: "of what is drawn: which mutation",
  },
  graceSeconds: { schema: seconds, read: number, default: 1, flag: "--grace <seconds>", says: "before the node goes" },
  to: {
    schema: z.string({ error: "wanted a node's name" }),
    read: String,
    default: undefined,
    flag: "--to <node>",
    says: "where its pods are meanwhile",
  },
};

export const SETTING_NAMES = Object.keys(FAULT_SETTINGS) as SettingName[];

export const faultSettings = (given: SomeSettings): FaultSettings =>
  Object.fromEntries(
    SETTING_NAMES.map((name) => [name, given[name] ?? FAULT_SETTINGS[name].default]),
  ) as unknown as FaultSettings;

/** The keys of those that a fault heeds. */
export const settingsShape = (kind: FaultKind) =>
  Object.fromEntries((FAULTS[kind].heeds ?? []).map((name) => [name, FAULT_SETTINGS[name].schema.optional()]));

/** Why a fault has no such key. */
export function whyUnheeded(kind: FaultKind, key: string): string {
  if (key === "until") return `wanted none: ${kind} passes by itself`;
  if (!SETTING_NAMES.some((name) => name === key)) return "wanted no such key here";
  return `wanted none: ${kind} heeds ${FAULTS[kind].heeds?.join(", ") ?? "no setting"}`;
}
