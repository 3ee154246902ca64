/**
 * How a flow of datagrams went beside how it was forecast to: what the reasons of `difference.ts` ask of it. Nothing breaks
 * such a flow, so the nodes that it entered in turn are all there is to differ. Pure.
 */
import type { Visit } from "./datagram-forecast.ts";
import type { RouterSettings } from "./router-settings.ts";

export interface DatagramCase {
  readonly visits: readonly Visit[];
  /** The next hops by which it entered in turn, as pods have told; undefined where pod and source contradict each other. */
  readonly entered: readonly (string | undefined)[];
  readonly everyMs: number;
  readonly router: RouterSettings;
  /** The next hops whose own kernels track it. */
  readonly trackedBy: ReadonlySet<string>;
  /** As `ObservedFlow` has them. */
  readonly leftFor?: ReadonlySet<string> | undefined;
  readonly lostPackets: boolean;
  /** By the forecast that was made again with what surprised the router. */
  readonly surprised?: readonly Visit[] | undefined;
}

/** Whether it entered as forecast, but for visits that `isMissed` allows to be missing. */
export function enteredAllBut({ visits, entered }: DatagramCase, isMissed: (visit: Visit) => boolean): boolean {
  let next = 0;
  for (const visit of visits) {
    if (visit.nextHop === entered[next]) next += 1;
    // It came back from one that was missed: that is no entrance of its own.
    else if (!isMissed(visit) && visit.nextHop !== entered[next - 1]) return false;
  }
  return next === entered.length;
}

export const enteredAsForecast = (difference: DatagramCase): boolean =>
  difference.entered.length === difference.visits.length && enteredAllBut(difference, () => false);

/** The router's kernel sent some of it to a node that is not on its way. */
export const leftForOthers = ({ visits, leftFor = new Set() }: DatagramCase): boolean =>
  [...leftFor].some((nextHop) => visits.every((visit) => visit.nextHop !== nextHop));
