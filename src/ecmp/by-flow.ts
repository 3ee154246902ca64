/**
 * Whether what is decided for one packet of a flow holds for all of them: packets of TCP or UDP that are alike in addresses, ports and
 * the port they came in by, without options, fragments or tags. It does not where a hash reads more than that, or asks chance.
 */
import { type HashOptions, isPerPacket, type LinuxOptions } from "./flow-hash.ts";
import type { FieldName } from "./key.ts";
import { DEFAULT_LINUX_FIELDS, LINUX_FIELD } from "./linux/policy.ts";
import { SELECTORS } from "./selector.ts";

/** The same in all packets of a flow; what is in a tunnel of UDP is not. */
const OF_A_FLOW: readonly string[] = [
  "source-address",
  "destination-address",
  "protocol",
  "source-port",
  "destination-port",
  "ethertype",
  "ingress-port",
  "vlan-id",
] satisfies FieldName[];

export interface ByFlow {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

const NEITHER: ByFlow = { ipv4: false, ipv6: false };

/** A flow of IPv6 may change its label: RFC 6438 does not count on it, Linux draws another after a time-out. */
export function isByFlow(hash: HashOptions, selector: string): ByFlow {
  if (SELECTORS[selector].timed || isPerPacket(hash.algorithm)) return NEITHER;
  if (hash.algorithm === "linux") return { ipv4: true, ipv6: !readsLabel(hash.linux ?? { policy: 1 }) };
  const others = hash.fields.filter((name) => !OF_A_FLOW.includes(name));
  if (others.length === 0) return { ipv4: true, ipv6: true };
  return { ipv4: others.every((name) => name === "flow-label"), ipv6: false };
}

/** `rt6_multipath_hash` (net/ipv6/route.c). */
const readsLabel = ({ policy, fields = DEFAULT_LINUX_FIELDS }: LinuxOptions): boolean =>
  policy === 3 ? (fields & LINUX_FIELD.flowLabel) !== 0 : policy !== 1;
