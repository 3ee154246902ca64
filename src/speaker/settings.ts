/**
 * From the options of a neighbor to what its session runs by: the defaults, what makes no sense, and what a change of them
 * asks for.
 */
import { FAMILIES, type FamilyName } from "../bgp/nlri.ts";
import { formatAddress, type Ipv4Address, isIpv4 } from "../net/address.ts";
import { MINIMUM_HOLD_TIME_SECONDS } from "./agreement.ts";
import type { FsmConfig } from "./fsm-state.ts";
import type { NeighborOptions } from "./neighbor.ts";
import { BGP_PORT } from "./tcp.ts";

/** What the speaker says of itself to all, and what it does where a neighbor's options say nothing. */
export interface SpeakerSettings {
  readonly asn: number;
  readonly routerId: Ipv4Address;
  readonly holdTimeSeconds: number;
  readonly connectRetrySeconds: number;
}

const DEFAULT_FAMILIES: readonly FamilyName[] = ["ipv4-unicast", "ipv6-unicast"];

export const fsmConfigOf = (options: NeighborOptions, speaker: SpeakerSettings): FsmConfig => ({
  localAsn: options.localAsn ?? speaker.asn,
  remoteAsn: options.remoteAsn,
  routerId: speaker.routerId,
  holdTimeSeconds: options.holdTimeSeconds ?? speaker.holdTimeSeconds,
  connectRetrySeconds: options.connectRetrySeconds ?? speaker.connectRetrySeconds,
  passive: options.passive ?? false,
  families: (options.families ?? DEFAULT_FAMILIES).map((name) => FAMILIES[name]),
  ipv6NextHop: options.ipv6NextHop ?? "global",
  extendedNextHop: options.extendedNextHop ?? !isIpv4(options.address),
  addPath: options.addPath === "receive",
  gracefulRestart: options.gracefulRestart !== "off",
  ...(options.role && { role: options.role }),
});

/** For how long stale routes are kept. */
export interface StaleLimits {
  /** The longest that a peer may stay away, whatever it asks for. */
  readonly restartTimeSeconds: number;
  /** The longest that a peer may take to say everything again. */
  readonly stalePathsSeconds: number;
}

type WishedLimits = { readonly [Name in keyof StaleLimits]?: number | undefined };

/** A restart may be that of a whole machine; and FRR's own default is time enough for a full table. */
export const staleLimitsOf = ({ restartTimeSeconds = 600, stalePathsSeconds = 360 }: WishedLimits): StaleLimits => ({
  restartTimeSeconds,
  stalePathsSeconds,
});

/** What the peer need not hear of; any other change takes a new session. */
const CHANGED_IN_PLACE: readonly (keyof NeighborOptions)[] = [
  "description",
  "port",
  "connectRetrySeconds",
  "restartTimeSeconds",
  "stalePathsSeconds",
  "shutdown",
];

export function isChangedInPlace(before: NeighborOptions, after: NeighborOptions): boolean {
  const others = (options: NeighborOptions) =>
    JSON.stringify(
      Object.entries(options)
        .filter(([name]) => !CHANGED_IN_PLACE.some((one) => one === name))
        .sort(),
    );
  return others(before) === others(after);
}

/** Throws if they make no sense. */
export function checkOptions(options: NeighborOptions, speaker: SpeakerSettings): void {
  const { holdTimeSeconds, connectRetrySeconds } = fsmConfigOf(options, speaker);
  const { address, port = BGP_PORT } = options;
  const check = (name: string, value: number, isRight: boolean, wanted: string) => {
    if (!isRight) throw new RangeError(`Neighbor ${formatAddress(address)} has a ${name} of ${value}: ${wanted} wanted`);
  };
  const isWithin = (value: number, minimum: number) => Number.isInteger(value) && value >= minimum && value <= 0xffff;
  const isHoldTime = holdTimeSeconds === 0 || isWithin(holdTimeSeconds, MINIMUM_HOLD_TIME_SECONDS);
  check("hold time (seconds)", holdTimeSeconds, isHoldTime, `0 or ${MINIMUM_HOLD_TIME_SECONDS} to 65535`);
  check("connect-retry time (seconds)", connectRetrySeconds, isWithin(connectRetrySeconds, 1), "1 to 65535");
  check("port", port, isWithin(port, 1), "1 to 65535");
}
