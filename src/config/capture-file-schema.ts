/**
 * The fields of a port over capture files: what is read and written, and what an interface would have said by itself, which here
 * nobody but the configuration does.
 */
import { z } from "zod";
import { type Address, formatAddress } from "../net/address.ts";
import { isGroup, parseMac } from "../net/mac.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import { refusalOfOwn } from "./own-addresses.ts";
import { refuseTwice } from "./refuse-twice.ts";
import { parsed, unicast, whole } from "./scalar.ts";

const file = z.string({ error: "wanted a file's name" }).min(1, { error: "wanted a file's name" });
/** A file's name alone, or with what else there is to say of it. */
const named = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess(
    (value) => (typeof value === "string" ? { file: value } : value),
    z.strictObject({ file, ...shape }, { error: "wanted a file's name, or `file` and what else there is to say of it" }),
  );

const mac = parsed<number>((text) => {
  const value = parseMac(text);
  return value === undefined || value === 0 || isGroup(value) ? undefined : value;
}, 'a station\'s Ethernet address such as "02:00:00:00:00:01"');

export const captureFileFields = {
  read: named({
    follow: z.boolean({ error: "wanted true or false" }).default(false),
    pace: z.enum(["recorded", "fastest"], { error: "wanted recorded or fastest" }).default("recorded"),
  }).optional(),
  write: named({
    maximumMegabytes: whole(1, 65536).default(1024),
    files: whole(1, 1000).default(4),
  }).optional(),
  /** Only what is sent to it is for the router; without one all is. */
  mac: mac.optional(),
  /** Of an IP packet. */
  mtu: whole(68, 65_535).optional(),
  /** Who has which Ethernet address; of others it is made up. */
  neighbors: z
    .array(z.strictObject({ address: unicast, mac }))
    .superRefine(refuseTwice(({ address }) => formatAddress(address), "neighbor's address"))
    .optional(),
} as const;

const fields = z.object(captureFileFields);
const NAMES = Object.keys(captureFileFields) as (keyof typeof captureFileFields)[];

/** Of a port of any kind. */
export function refuseMisplacedFiles(
  port: z.output<typeof fields> & {
    readonly kind: string;
    readonly address?: Address | undefined;
    readonly addresses?: readonly Prefix[] | undefined;
  },
  context: z.core.$RefinementCtx<unknown>,
): void {
  const refuse = (path: (string | number)[], message: string) =>
    context.addIssue({ code: "custom", path, message: `wanted ${message}` });
  if (port.kind !== "capture-file") {
    for (const name of NAMES) if (port[name] !== undefined) refuse([name], "only with kind: capture-file");
    return;
  }
  const { addresses = [], neighbors = [] } = port;
  for (const [i, { address }] of neighbors.entries()) {
    const isNear = addresses.some((own) => prefixContains(makePrefix(own.address, own.length), address));
    const wanted = isNear
      ? refusalOfOwn({ addresses }, "this port", address)
      : "an address on a subnet of one of the port's own (addresses)";
    if (wanted !== undefined) refuse(["neighbors", i, "address"], wanted);
  }
  if (port.read === undefined && port.write === undefined) refuse([], "a file to read (read), one to write (write), or both");
  if (port.address !== undefined)
    refuse(["address"], "a name (interface): behind files there is no interface that has an address");
}
