/**
 * Why a frame was dropped, left to the kernel, or taken out of the breath. One list a verdict; the index is what a batch's
 * row carries as `reason`, the name is what people read. Every frame ends with one verdict and one reason.
 */
export const DROP_REASONS = [
  /** The capture was cut: the frame was longer than what we hold of it. */
  "truncated",
  /** For another station on the segment: a bridge flooded it. */
  "other-host",
  /** To a group's MAC, with an IP address that is neither a group's nor ours: not to be routed (RFC 1812 5.3.4). */
  "group-mac",
  /** With other VLAN tags than the port's, or with any where the port has none. */
  "vlan-tagged",
  /** Without tags where the port has some. */
  "vlan-missing",
  "unknown-ethertype",
  /** Version, header length or total length contradict the frame. */
  "ip-header",
  "ip-checksum",
  /**
   * A source or destination that no host may use on a wire (RFC 1812 5.3.7), or a link-local one beyond its link (RFC 4291
   * 2.5.6).
   */
  "martian",
  /** By the rule `fragments: dropped`. */
  "fragment",
  "no-route",
  "blackhole",
  /** The next hop is not on any of our subnets, or the route says that nothing is reachable by it. */
  "next-hop-unreachable",
  "ttl-expired",
  "too-big",
  /** A packet in a tunnel that its sender left to be segmented: the virtio header can ask for that of no inner header. */
  "tunneled-gso",
  /** The queue to the slow path was full. */
  "slow-queue-full",
  /** The egress port refused the frame: its queue is full or its interface is down. */
  "egress-refused",
  /** Lost on its way out by a fault that was asked for. */
  "fault",
] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** The kernel has its own copy of these; `arp` and `neighbor-discovery` go to our neighbor table as well. */
export const PUNT_REASONS = ["local", "group-address", "arp", "neighbor-discovery"] as const;
export type PuntReason = (typeof PUNT_REASONS)[number];

/** Copied to a bounded queue and handled outside the breath. */
export const SLOW_REASONS = [
  "neighbor",
  /** Too big for its egress, and allowed to be cut. */
  "fragmentation",
] as const;
export type SlowReason = (typeof SLOW_REASONS)[number];

const indexed = <Name extends string>(names: readonly Name[]): Readonly<Record<Name, number>> =>
  Object.fromEntries(names.map((name, i) => [name, i])) as Record<Name, number>;

export const DROP = indexed(DROP_REASONS);
export const PUNT = indexed(PUNT_REASONS);
export const SLOW = indexed(SLOW_REASONS);

/** Drops that the sender is owed an ICMP error for. */
export const ANSWERED_DROPS = [
  "no-route",
  "next-hop-unreachable",
  "ttl-expired",
  "too-big",
] as const satisfies readonly DropReason[];
export type AnsweredDrop = (typeof ANSWERED_DROPS)[number];

/** A drop that no sender understands: whoever runs the router is told what has to be switched off. */
export const EXPLAINED_DROP = "tunneled-gso" satisfies DropReason;
