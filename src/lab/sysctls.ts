/**
 * What each machine of a lab tells its kernel: a node forwards, a router does not (there, packets are ours), a host does what the
 * lab file says of it. Pure; in namespaces `stage.ts` writes them, in containers the engine does, since nobody in one may.
 */
import { hasIpv6, type Lab, routersOf } from "./lab.ts";

export type Sysctls = Readonly<Record<string, number>>;

export const FORWARD_IPV4 = "net.ipv4.ip_forward";
const FORWARD_IPV6 = "net.ipv6.conf.all.forwarding";

export function sysctlsOf(lab: Lab, machine: string): Sysctls {
  const forwarding = (value: 0 | 1) => ({ [FORWARD_IPV4]: value, ...(hasIpv6(lab) ? { [FORWARD_IPV6]: value } : {}) });
  if (routersOf(lab).some(({ name }) => name === machine)) return forwarding(0);
  if (lab.nodes.some(({ name }) => name === machine)) return forwarding(1);
  return lab.sysctls[machine] ?? {};
}
