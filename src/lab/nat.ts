/**
 * A NAT between a lab's clients and its router: one host masquerades whatever it passes on, to ports drawn by lot, as those of
 * carriers do. So nobody can say what the router will see of a flow before it is open: its own kernel is asked then, and the
 * forecast is made of what it says, still before anything happens.
 */
import { type Flow, formatFlow } from "../net/flow.ts";
import { LabFailure } from "./failure.ts";
import type { Lab, Nat } from "./lab.ts";
import type { Place } from "./place.ts";
import { execute } from "./process.ts";

export async function startNat({ interface: name }: Pick<Nat, "interface">, place: Place): Promise<void> {
  await execute(place(["nft", "-f", "-"]), renderNat(name));
}

const renderNat = (name: string): string => `table ip lab-nat {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "${name}" masquerade fully-random
  }
}
`;

/** What a NAT makes of flows, by their names in front of it. */
export type Translations = ReadonlyMap<string, Flow>;

/** Flows that are open, as the router of a lab with a NAT sees them. */
export function translate<One extends { readonly flow: Flow }>(
  { nat }: Lab,
  translations: Translations,
  open: readonly One[],
): One[] {
  return open.map((each) => {
    const flow = translations.get(formatFlow(each.flow));
    if (flow) return { ...each, flow };
    throw new LabFailure(
      nat?.host ?? "nat",
      `${formatFlow(each.flow)} is not among what it translates`,
      "every flow of the clients",
    );
  });
}
