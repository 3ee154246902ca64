/**
 * BFD in the router: which sessions there are to be follows from the configuration and from the members of ranges that are up;
 * what becomes of them is an event, and a path that is lost is told at once.
 */
import { Bfd } from "../bfd/bfd.ts";
import type { BfdChange } from "../bfd/sessions.ts";
import type { Address } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import type { Random } from "../net/random.ts";
import { bfdPeers } from "./bfd-peers.ts";
import type { EventRecord } from "./events.ts";
import { type BgpConfig, neighborOf, policyOf } from "./policy.ts";
import { describeBfdChange, describeBfdSessions } from "./show-bfd.ts";

export interface BfdWatchOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventRecord;
  /** As it is now. */
  bgp(): BgpConfig | undefined;
  onLost(neighbor: Address): void;
}

export function createBfdWatch({ clock, random, events, bgp, onLost }: BfdWatchOptions) {
  /** Neighbors that nobody named, but a range has, while their sessions are up. */
  const members = new Set<Address>();

  /** A peer whose operator has switched BFD off is as reachable as before (RFC 5882 section 4.2). */
  const onChange = (change: BfdChange): void => {
    if (change.to === "Up") return events.add("bfd-up", describeBfdChange(change));
    if (change.from !== "Up") return;
    events.add("bfd-down", describeBfdChange(change));
    if (change.to === "Down" && change.remoteState !== "AdminDown") onLost(change.address);
  };

  const fail = (reason: string): void => events.add("bfd-failed", { reason });
  const bfd = new Bfd({ clock, random, onChange, onDeath: fail });

  return {
    /** Brings the sessions to what the configuration asks for now. */
    configure(): Promise<void> {
      return bfd.configure(bfdPeers(bgp(), members));
    },

    /** A BGP session is up, or is no more. */
    count(neighbor: Address, isUp: boolean): void {
      if (neighborOf(bgp(), neighbor) || isUp === members.has(neighbor)) return;
      if (isUp) members.add(neighbor);
      else members.delete(neighbor);
      if (policyOf(bgp(), neighbor)?.bfd) this.configure().catch((error: Error) => fail(error.message));
    },

    sessions: () => describeBfdSessions(bfd.state(), clock.nowMs()),

    /** Packets that no session took, by the reason. */
    drops: () => bfd.state().drops,
  };
}
