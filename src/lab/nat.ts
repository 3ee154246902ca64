/**
 * A NAT between a lab's clients and its router: one host masquerades whatever it passes on, to ports drawn by lot, as those of carriers
 * do. So nobody can say what the router will see of a flow before it is open: its own kernel is asked then, and the
 * forecast is made of what it says, still before anything happens.
 */
import { type Flow, formatFlow } from "../net/flow.ts";
import { readTranslations } from "./connection-tracking.ts";
import { LabFailure } from "./failure.ts";
import type { Lab, Nat } from "./lab.ts";
import { inNamespace } from "./namespace.ts";
import { execute } from "./process.ts";

export async function startNat({ host, interface: name }: Nat): Promise<void> {
  await execute(inNamespace(host, ["sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"]));
  await execute(inNamespace(host, ["nft", "-f", "-"]), renderNat(name));
}

const renderNat = (name: string): string => `table ip lab-nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "${name}" masquerade fully-random
  }
}
`;

/** Flows that are open, as the router sees them. */
export async function translate<One extends { readonly flow: Flow }>(
  lab: Lab,
  { host }: Nat,
  open: readonly One[],
): Promise<One[]> {
  const translations = await readTranslations(lab, host);
  return open.map((each) => {
    const flow = translations.get(formatFlow(each.flow));
    if (!flow)
      throw new LabFailure(host, `${formatFlow(each.flow)} is not among what it translates`, "every flow of the clients");
    return { ...each, flow };
  });
}
