/**
 * The network namespace as one router's own: claimed, and its kernel kept off transit packets. It outlives a data plane that
 * another takes the place of, so that what comes between the two is nobody's and not the kernel's; while there are two, the
 * rule is for the interfaces of both.
 */
import { type GuardedInterface, type InstalledRule, installIngressRule } from "../port/ingress-rule.ts";
import { listInterfaces } from "../port/interface.ts";
import { claimNamespace } from "./claim.ts";

export interface Guard {
  /** For a data plane, as long as there is one. */
  hold(): Hold;
  release(): Promise<void>;
}

export interface Hold {
  /** From now on of these interfaces, and of no others that only this one held; for the addresses that the namespace has now. */
  keepKernelOff(interfaces: readonly GuardedInterface[]): void;
  letGo(): void;
}

export async function guardNamespace(): Promise<Guard> {
  const claim = await claimNamespace();
  let rule: InstalledRule | undefined;
  const hold = createHolds((interfaces) => {
    const there = new Set(listInterfaces().map(({ name }) => name));
    const guarded = interfaces.filter(({ name }) => there.has(name));
    // Of none: as it was, until the namespace is released.
    if (guarded.length > 0) rule = installIngressRule(guarded);
  });
  return {
    hold,
    async release() {
      try {
        rule?.remove();
      } finally {
        await claim.close();
      }
    },
  };
}

/** Makes holds; whatever one of them changes, `install` is told what all of them want. */
export function createHolds(install: (interfaces: readonly GuardedInterface[]) => void): () => Hold {
  const held = new Map<Hold, readonly GuardedInterface[]>();
  const renew = (): void => install(unite([...held.values()].flat()));
  return () => {
    const hold: Hold = {
      keepKernelOff(interfaces) {
        held.set(hold, interfaces);
        renew();
      },
      letGo() {
        if (held.delete(hold)) renew();
      },
    };
    return hold;
  };
}

/** Each interface once. */
function unite(interfaces: readonly GuardedInterface[]): GuardedInterface[] {
  const isTagged = new Map<string, boolean>();
  for (const one of interfaces) isTagged.set(one.name, one.isTagged || isTagged.get(one.name) === true);
  return [...isTagged].map(([name, tagged]) => ({ name, isTagged: tagged }));
}
