/**
 * The network namespace as one router's own: claimed, and its kernel kept off transit packets. It outlives a data plane that
 * another takes the place of, so that what comes between the two is nobody's and not the kernel's.
 */
import { type GuardedInterface, type InstalledRule, installIngressRule } from "../port/ingress-rule.ts";
import { claimNamespace } from "./claim.ts";

export interface Guard {
  /** From now on of these interfaces, and of no others; for the addresses that the namespace has now. Of none: as it was. */
  keepKernelOff(interfaces: readonly GuardedInterface[]): void;
  release(): Promise<void>;
}

export async function guardNamespace(): Promise<Guard> {
  const claim = await claimNamespace();
  let rule: InstalledRule | undefined;
  return {
    keepKernelOff(interfaces) {
      if (interfaces.length > 0) rule = installIngressRule(interfaces);
    },
    async release() {
      try {
        rule?.remove();
      } finally {
        await claim.close();
      }
    },
  };
}
