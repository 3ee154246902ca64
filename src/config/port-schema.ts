/**
 * A port of the router, and what may be put around it: a tap, whose capture shows what passed with what became of it, and
 * faults of a network that is worse than the lab's. Both change at reload while packets pass.
 */
import { z } from "zod";
import { type Address, formatAddress, isIpv4 } from "../net/address.ts";
import { hasPorts, parseProtocol } from "../net/flow.ts";
import { formatPrefix } from "../net/prefix.ts";
import { captureFileFields, refuseMisplacedFiles } from "./capture-file-schema.ts";
import { refuseTwice } from "./refuse-twice.ts";
import { interfaceAddress, parsed, prefix, unicast, whole } from "./scalar.ts";

const vlanId = whole(1, 4094);
/** One VLAN, or an outer and an inner one (802.1ad). */
const vlan = z.union([vlanId.transform((id): [number, number] => [id, 0]), z.tuple([vlanId, vlanId])], {
  error: "wanted a VLAN id from 1 to 4094, or two: [outer, inner]",
});

export const interfaceName = z
  .string({ error: "wanted an interface's name" })
  .regex(/^(?!lo$)[^\s/%]{1,15}$/, { error: "wanted an interface's name, 1 to 15 characters, and not lo" });

const share = z
  .number({ error: "wanted a percentage" })
  .min(0, { error: "wanted 0 to 100" })
  .max(100, { error: "wanted 0 to 100" });
const shortTimeMs = z
  .number({ error: "wanted milliseconds" })
  .min(0, { error: "wanted 0 to 60000" })
  .max(60_000, { error: "wanted 0 to 60000" });

const FAULTS = ["losePct", "duplicatePct", "reorderPct", "corruptPct", "delayMs"] as const;

/** One rule: what happens to the frames that it is about. A frame meets the first rule that matches. */
export const faultRuleSchema = z
  .strictObject({
    /** Only frames that go there. */
    nextHop: unicast.optional(),
    direction: z.enum(["out", "in"], { error: "wanted out or in" }).default("out"),
    seed: whole(0, 0xffffffff).default(1),
    losePct: share.default(0),
    duplicatePct: share.default(0),
    reorderPct: share.default(0),
    corruptPct: share.default(0),
    delayMs: shortTimeMs.default(0),
    jitterMs: shortTimeMs.default(0),
  })
  .superRefine((rule, context) => {
    if (rule.direction === "in" && rule.nextHop !== undefined)
      context.addIssue({
        code: "custom",
        path: ["nextHop"],
        message: "wanted none with direction in: what comes in has no next hop yet",
      });
    if (rule.jitterMs > 0 && rule.delayMs === 0)
      context.addIssue({
        code: "custom",
        path: ["jitterMs"],
        message: "wanted delayMs beside it, which it makes shorter or longer",
      });
    else if (FAULTS.every((name) => rule[name] === 0))
      context.addIssue({ code: "custom", path: [], message: `wanted at least one of ${FAULTS.join(", ")}` });
  });

export type FaultRuleConfig = z.output<typeof faultRuleSchema>;

/** What one rule of a port is known by: there is one for each next hop and direction. */
export const faultTarget = ({ nextHop, direction }: { nextHop?: Address | undefined; direction: string }): string =>
  `${direction} ${nextHop === undefined ? "any" : formatAddress(nextHop)}`;

/** One rule or several. A union of both would only say that it is neither. */
const faultSchema = z
  .unknown()
  .transform((value, context): FaultRuleConfig[] => {
    const result = Array.isArray(value) ? z.array(faultRuleSchema).safeParse(value) : faultRuleSchema.safeParse(value);
    if (result.success) return Array.isArray(result.data) ? result.data : [result.data];
    for (const issue of result.error.issues) context.issues.push({ ...issue, input: value } as z.core.$ZodRawIssue);
    return z.NEVER;
  })
  .superRefine((rules, context) => {
    rules.forEach((rule, i) => {
      if (rules.findIndex((other) => faultTarget(other) === faultTarget(rule)) < i)
        context.addIssue({ code: "custom", path: [i], message: "wanted one rule for each next hop and direction" });
    });
  });

const protocol = z.union([whole(0, 255), parsed<number>(parseProtocol, "a protocol such as tcp, udp, icmp or a number")], {
  error: "wanted a protocol such as tcp, udp, icmp or a number",
});

const tapSchema = z.strictObject({
  file: z.string({ error: "wanted a file's name" }).min(1, { error: "wanted a file's name" }),
  filter: z
    .strictObject({
      source: prefix.optional(),
      destination: prefix.optional(),
      protocol: protocol.optional(),
      /** Of either side. */
      port: whole(0, 65535).optional(),
      verdict: z.enum(["forward", "drop", "punt", "slow"], { error: "wanted forward, drop, punt or slow" }).optional(),
    })
    .superRefine(({ source, destination, protocol, port }, context) => {
      if (source && destination && isIpv4(source.address) !== isIpv4(destination.address))
        context.addIssue({ code: "custom", path: ["destination"], message: "wanted a prefix of the source's own family" });
      if (port !== undefined && protocol !== undefined && !hasPorts(protocol))
        context.addIssue({ code: "custom", path: ["port"], message: "wanted none with a protocol that has no ports" });
    })
    .prefault({}),
  /** Of each frame. */
  snapBytes: whole(14, 131_072).default(131_072),
  /** The tap ends after so many. */
  maximumPackets: whole(1, 0xffffffff).optional(),
  maximumMegabytes: whole(1, 65536).default(64),
  files: whole(1, 1000).default(4),
});

export type TapConfig = z.output<typeof tapSchema>;

/**
 * An interface by its name or by an address that it has: container engines give names as they like, and addresses as they are
 * told. A port over files has a name, too, which no interface has.
 */
export const portSchema = z
  .strictObject({
    interface: interfaceName.optional(),
    address: unicast.optional(),
    /** What frames come and go by: our ring, libpcap where the ring cannot be had, or files without any interface. */
    kind: z
      .enum(["packet-ring", "pcap-live", "capture-file"], { error: "wanted packet-ring, pcap-live or capture-file" })
      .default("packet-ring"),
    ...captureFileFields,
    vlan: vlan.optional(),
    /** Ours there, which the kernel need not know. Absent: those that the interface has. */
    addresses: z
      .array(interfaceAddress, { error: "wanted a list of addresses with their subnets' lengths" })
      .superRefine(refuseTwice(formatPrefix, "address"))
      .optional(),
    tap: tapSchema.optional(),
    fault: faultSchema.optional(),
  })
  .refine((port) => (port.interface === undefined) !== (port.address === undefined), {
    error: "wanted an interface's name (interface), or an address that it has (address)",
  })
  .refine((port) => port.addresses === undefined || port.vlan !== undefined || port.kind === "capture-file", {
    path: ["addresses"],
    error: "wanted a vlan beside them; without tags it is the kernel that answers, for what the interface has (ip addr add)",
  })
  .superRefine(refuseMisplacedFiles);
