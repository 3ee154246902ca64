/**
 * The static routes of a configuration: prefixes that something can be forwarded to, by next hops that are somebody else. What
 * the packet path would throw away as martian (`dataplane/classify`) is a mistake here already.
 */
import { z } from "zod";
import { MAXIMUM_WEIGHT } from "../ecmp/table.ts";
import { type Address, isIpv4, isLinkLocal } from "../net/address.ts";
import { formatPrefix, type Prefix } from "../net/prefix.ts";
import { refuseTwice } from "./refuse-twice.ts";
import { host, prefix, whole } from "./scalar.ts";

const isLoopback = (address: Address): boolean => (isIpv4(address) ? address >>> 24 === 127 : /^0{31}1$/.test(address));

/**
 * Nothing in it is ever forwarded to: 0/8, 127/8, 224/3; ::, ::1, fe80::/10, ff00::/8. Shorter prefixes have other addresses too.
 */
function isMartianPrefix({ address, length }: Prefix): boolean {
  if (isIpv4(address)) return address >= 0xe0000000 || (length >= 8 && (address >>> 24 === 0 || address >>> 24 === 127));
  return address.startsWith("ff") || (length >= 10 && isLinkLocal(address)) || (length >= 127 && /^0{31}[01]$/.test(address));
}

const destination = prefix.refine((one) => !isMartianPrefix(one), {
  error: "wanted a prefix that is forwarded to, which loopback, link-local, group and reserved addresses are not",
});
const gateway = host.refine((one) => !isLoopback(one), { error: "wanted a router's address; this is our own, of loopback" });
const nextHopSchema = z.strictObject({ address: gateway, weight: whole(1, MAXIMUM_WEIGHT).default(1) });

const routeSchema = z
  .strictObject({
    prefix: destination,
    nextHops: z
      .array(nextHopSchema)
      .min(1, { error: "wanted at least one next hop" })
      .superRefine(refuseTwice((nextHop) => nextHop.address, "next hop"))
      .optional(),
    /** In place of next hops: packets are thrown away, or thrown away and answered. */
    action: z.enum(["blackhole", "unreachable"], { error: "wanted blackhole or unreachable" }).optional(),
  })
  .refine(({ nextHops, action }) => (nextHops === undefined) !== (action === undefined), {
    error: "wanted next hops (nextHops), or what is done in place of forwarding (action)",
  })
  .superRefine((route, context) => {
    route.nextHops?.forEach((nextHop, i) => {
      if (isIpv4(nextHop.address) === isIpv4(route.prefix.address)) return;
      const path = ["nextHops", i, "address"];
      context.addIssue({ code: "custom", path, message: "wanted an address of the prefix's own family" });
    });
  })
  .transform(({ nextHops = [], ...route }) => ({ ...route, nextHops }));

export const routesSchema = z
  .array(routeSchema)
  .default([])
  .superRefine(refuseTwice((route) => route?.prefix && formatPrefix(route.prefix), "prefix"));

/** Parts that are mistakes have no value. */
export const isWholeRoute = (route: z.output<typeof routeSchema> | undefined): boolean =>
  route?.nextHops?.every((nextHop) => nextHop?.address !== undefined && nextHop.weight !== undefined) === true;
