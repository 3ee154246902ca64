/**
 * The router: the only place that knows all the parts. It applies the actions of `reconcile`, hands updates from the speaker
 * to the RIB and changes from the RIB to the data plane, one after the other, and answers questions.
 *
 *   speaker --RouteUpdate--> rib --RouteChange[]--> dataplane (fib, workers)
 *
 * More than 300 lines, because it is where every part is given what it needs of the others.
 */
import { CEASE } from "../bgp/iana.ts";
import { cease } from "../bgp/notification.ts";
import type { Config } from "../config/schema.ts";
import type { Address, AddressFamily } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { createLimiter } from "../net/limiter.ts";
import { formatPrefix, type Prefix } from "../net/prefix.ts";
import type { Random } from "../net/random.ts";
import { readSegmentDrops } from "../port/segment-drops.ts";
import { createAdjOut } from "../rib/adj-out.ts";
import type { ImportPolicy } from "../rib/policy.ts";
import type { Audience, RouteChange, RoutePeer, RouteUpdate } from "../rib/route.ts";
import { createRib, type RibChange } from "../rib/table.ts";
import type { Told } from "../rib/told.ts";
import type { RouteView } from "../rib/view.ts";
import type { Listener } from "../speaker/context.ts";
import { Journal } from "../speaker/journal.ts";
import { Speaker } from "../speaker/speaker.ts";
import { createBfdWatch } from "./bfd-watch.ts";
import { requireWritable } from "./captures.ts";
import { doEach } from "./clean-up.ts";
import type { ControlAnswer } from "./control.ts";
import { type Dataplane, startDataplane } from "./dataplane.ts";
import { createEventRecord } from "./events.ts";
import { type Guard, guardNamespace } from "./guard.ts";
import {
  type BgpConfig,
  exportPolicyOf,
  importPolicyOf,
  policyOf,
  ribConfiguration,
  sessionPart,
  speakerPart,
  unnumberedLinks,
} from "./policy.ts";
import { type PortFacts, requirePorts } from "./port-facts.ts";
import { createPrefixLimits } from "./prefix-limit.ts";
import { type Action, reconcile } from "./reconcile.ts";
import { watchSegments } from "./segment-watch.ts";
import { describeNeighbor, describeSpeakerEvent, formatPeer, parsePeer, summarizeNeighbors } from "./show-bgp.ts";

/** Prefixes named in one event; of more only the number is kept. */
const PREFIXES_IN_EVENT = 16;

export type Router = ReturnType<typeof createRouter>;

export function createRouter({ clock, random }: { clock: Clock; random: Random }) {
  const events = createEventRecord(clock);
  const refusals = createLimiter<Record<string, unknown>>(clock, (count, details) =>
    events.add("refused-connection", { count, ...details }),
  );
  const attempts = createLimiter<Record<string, unknown>>(clock, (count, details) =>
    events.add("attempt-failed", { count, ...details }),
  );
  const rib = createRib();
  const journal = new Journal((file, problem) => events.add("journal-failed", { file, problem }));
  let config: Config | undefined;
  let guard: Guard | undefined;
  let dataplane: Dataplane | undefined;
  /** Started, and without routes. */
  let next: Dataplane | undefined;
  /** Forwards until `dataplane` does. */
  let leaving: Dataplane | undefined;
  let fanoutGroups = 0;
  /** The ports of the data plane, or of the last one. */
  let ports: readonly PortFacts[] = [];
  let speaker: Speaker | undefined;
  let unwatchSegments = (): void => {};

  const apply = (changes: readonly RouteChange[]): void => {
    if (changes.length === 0 || !dataplane) return;
    const { generation, refused } = dataplane.apply(changes);
    const count = changes.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
    events.add("routes", { count, prefixes: few(changes), generation });
    if (refused.length > 0) events.add("fib-full", { count: refused.length, prefixes: few([{ prefixes: refused }]) });
  };

  const importPolicy = ({ address }: RoutePeer): ImportPolicy => importPolicyOf(config?.bgp, address);

  const adjOut = createAdjOut({
    rib,
    networks: () => config?.bgp?.networks ?? [],
    policy: ({ address }) => exportPolicyOf(config?.bgp, address),
  });

  const limits = createPrefixLimits({
    clock,
    events,
    limitOf: (neighbor) => policyOf(config?.bgp, neighbor)?.prefixLimit,
    received: rib.received,
    end: (neighbor, error) => speaker?.endNeighbor(neighbor, error),
    begin: (neighbor) => speaker?.beginNeighbor(neighbor),
  });

  const take = ({ routes, touched }: RibChange): void => {
    apply(routes);
    for (const [neighbor, announcements] of adjOut.look(touched)) speaker?.announce(neighbor, announcements);
  };

  let isCatchingUp = false;

  /** Between the steps sessions are heard, keepalives sent and questions answered. */
  const catchUp = (): void => {
    if (isCatchingUp || !rib.isBehind()) return;
    isCatchingUp = true;
    setImmediate(() => {
      isCatchingUp = false;
      take(rib.goOn());
      catchUp();
    });
  };

  /** From the configuration, and from what is connected as of now. */
  const configureRoutes = (wanted: Config): void => {
    const beside = { interfaces: dataplane?.interfaces() ?? [], links: dataplane?.links() ?? [] };
    take(rib.configure({ ...ribConfiguration(wanted), ...beside, importPolicy }));
    for (const [neighbor, pieces] of adjOut.lookAtAll()) speaker?.announceAll(neighbor, pieces);
    catchUp();
  };

  const onUpdate = (update: RouteUpdate): void => {
    // With a full table it takes seconds to decide anew for all prefixes; packets need not go to a lost peer meanwhile.
    if (update.kind === "lost" && !update.family && !update.staleOnly) dataplane?.withdraw(rib.onlyThrough(update.peer.address));
    take(rib.applyUpdate(update));
    catchUp();
    if (update.kind === "update") limits.check(update.peer.address);
  };

  /** As each family's next hop, the address of it that we have on the link to the listener, or else where it reaches us. */
  const audienceOf = ({ address, type, role, families, extendedNextHop, localAddress }: Listener): Audience => {
    const instead = (family: AddressFamily) => (extendedNextHop.includes(family) ? localAddress : undefined);
    const ours = families.map((family) => [family, dataplane?.addressBeside(localAddress, family) ?? instead(family)] as const);
    return { address, type, role, nextHops: Object.fromEntries(ours.filter(([, nextHop]) => nextHop !== undefined)) };
  };

  /** RFC 9384. A session that is not Established has no routes to take, or stale ones, which BFD does not judge (RFC 5882 4.3). */
  const loseByBfd = (neighbor: Address): void => {
    if (speaker?.neighbors().find(({ address }) => address === neighbor)?.state !== "Established") return;
    speaker.endNeighbor(neighbor, cease(CEASE.bfdDown));
    speaker.beginNeighbor(neighbor);
  };

  const bfd = createBfdWatch({ clock, random, events, bgp: () => config?.bgp, onLost: loseByBfd });

  const startSpeaker = async (bgp: BgpConfig): Promise<void> => {
    speaker = new Speaker({
      ...speakerPart(bgp),
      clock,
      random,
      record: (record) => journal.record(record),
      onUpdate,
      onUp: (listener) => adjOut.open(audienceOf(listener)),
      onRefresh: adjOut.again,
      onTooLong: adjOut.unsay,
      routerOn: (link) => dataplane?.routerOn(link),
      linkOf: (address) => dataplane?.linkOf(address),
      onEvent: (event) => {
        const details = describeSpeakerEvent(event);
        if (event.kind === "session-down") adjOut.close(event.neighbor);
        // Whoever begins anew is counted anew, also where a change of its options has begun it.
        if (event.kind === "session-up") limits.forget(event.neighbor);
        if (event.kind === "session-down" || event.kind === "session-up") bfd.count(event.neighbor, event.kind === "session-up");
        if (event.kind === "refused-connection") refusals.add(details);
        else if (event.kind === "attempt-failed") attempts.add(details);
        else events.add(event.kind, details);
      },
    });
    await speaker.start();
    unwatchSegments = watchSegments(segmentDrops, clock, events);
  };

  const stopSpeaker = async (): Promise<void> => {
    unwatchSegments();
    const stopped = speaker?.stop();
    await stopped?.finally(() => {
      speaker = undefined;
    });
  };

  const segmentDrops = () => ({ atListener: speaker?.droppedSegments() ?? 0, ...readSegmentDrops() });

  const perform = async (action: Action): Promise<void> => {
    switch (action.kind) {
      case "configure-journal":
        return journal.configure(action.journal);
      case "guard-namespace":
        guard = await guardNamespace();
        return;
      case "start-dataplane":
        next = await startDataplane({
          config: action.config,
          had: ports,
          leaving: dataplane,
          // The namespace's: those of routers beside us should be others.
          fanoutGroup: () => (process.pid + fanoutGroups++) & 0xffff,
          clock,
          random,
          events,
          guard: guard as Guard,
          links: () => unnumberedLinks(config?.bgp),
          onPorts: () => config && configureRoutes(config),
        });
        return;
      case "fill-dataplane":
        leaving = dataplane;
        dataplane = next;
        next = undefined;
        ports = dataplane?.facts ?? [];
        return apply(rib.installed());
      case "configure-ports":
        return (next ?? dataplane)?.configurePorts(action.config);
      case "configure-routes":
        configureRoutes(action.config);
        return limits.reconsider();
      case "open-ports":
        return openPorts();
      case "start-speaker":
        return startSpeaker(action.bgp);
      case "add-neighbor":
        return speaker?.addNeighbor(withoutUndefined(sessionPart(action.neighbor)));
      case "change-neighbor":
        return speaker?.changeNeighbor(withoutUndefined(sessionPart(action.neighbor)));
      case "add-range":
        return speaker?.addRange(withoutUndefined(sessionPart(action.range)));
      case "remove-range":
        return speaker?.removeRange(action.prefix);
      case "remove-neighbor":
        limits.forget(action.address);
        return speaker?.removeNeighbor(action.address);
      case "configure-bfd":
        return bfd.configure();
      case "stop-speaker":
        return stopSpeaker();
      case "stop-dataplane":
        return stopDataplanes();
      case "release-namespace":
        return releaseNamespace();
    }
  };

  const openPorts = async (): Promise<void> => {
    await dataplane?.open();
    if (!leaving) return;
    const left = leaving;
    leaving = undefined;
    const problem = await left.stop().catch((error: Error) => error);
    // Those of the next begin at nothing.
    events.add("dataplane-replaced", { ...left.totals(), ...(problem ? { problem: problem.message } : {}) });
  };

  const stopDataplanes = (): Promise<void> => {
    const all = [next, dataplane, leaving];
    return doEach(all.map((one) => () => one?.stop())).finally(() => {
      next = dataplane = leaving = undefined;
    });
  };

  const releaseNamespace = async (): Promise<void> => {
    ports = [];
    const released = guard;
    guard = undefined;
    await released?.release();
  };

  const stopAll = (): Promise<void> => {
    config = undefined;
    return doEach([stopSpeaker, () => bfd.configure(), stopDataplanes, releaseNamespace, () => journal.configure(undefined)]);
  };

  const bringTo = async (wanted: Config | undefined): Promise<void> => {
    const before = config;
    if (wanted) requirePorts(wanted, ports);
    // At a start nothing else is lost by it, and the router says so and goes on.
    if (wanted && before) await requireWritable(wanted, before);
    const actions = reconcile(before, wanted);
    try {
      for (const action of actions) {
        // A data plane that is started changes nothing yet.
        if (action.kind !== "start-dataplane") config = wanted;
        await perform(action);
      }
    } catch (error) {
      // What it began with is what is told.
      if (before === undefined || config !== before) await stopAll().catch(() => {});
      throw error;
    }
    config = wanted;
    events.add(wanted ? "configured" : "stopped", { actions: actions.map(({ kind }) => kind) });
  };

  let last: Promise<void> = Promise.resolve();

  return {
    events,

    /**
     * Brings the router to `wanted` (undefined: nothing, all stopped), after whatever it was asked for before. Rejects before
     * anything is touched if a port cannot be had, or a data plane cannot start beside the one in force; if an action fails later,
     * all is stopped (`isRunning` tells).
     */
    configure(wanted: Config | undefined): Promise<void> {
      const done = last.then(() => bringTo(wanted));
      last = done.catch(() => {});
      return done;
    },

    isRunning: (): boolean => config !== undefined,

    dataplane(): Dataplane {
      if (!dataplane) throw new Error("The router is not running (yet), wanted a moment of patience");
      return dataplane;
    },

    ribRoutes: (prefix?: Prefix): RouteView[] => rib.routes(prefix),

    /** What the neighbor was told; undefined: there is no such neighbor. */
    announced(text: string): readonly Told[] | undefined {
      const address = parsePeer(text);
      return address !== undefined && policyOf(config?.bgp, address) ? adjOut.told(address) : undefined;
    },

    bfd,

    /** When the files of journal, taps and ports are open, or their problems known; a disk that stalls is waited for a second. */
    filesSettled: (): Promise<unknown> =>
      Promise.race([
        Promise.all([journal.settled(), dataplane?.filesSettled()]),
        new Promise<void>((resolve) => clock.setTimer(1000, resolve)),
      ]),

    /** Null: none is kept. */
    journal: () => journal.state() ?? null,

    bgpSummary: () => ({
      ...summarizeNeighbors(config?.bgp, speaker?.neighbors() ?? [], rib.peerPaths, adjOut.size, clock.nowMs()),
      refusedStrangers: speaker?.refusedStrangers() ?? 0,
    }),

    bgpNeighbors(text: string | undefined): ControlAnswer {
      const neighbors = speaker?.neighbors() ?? [];
      const address = text === undefined ? undefined : parsePeer(text);
      const chosen = text === undefined ? neighbors : neighbors.filter((neighbor) => neighbor.address === address);
      if (text !== undefined && chosen.length === 0) {
        const known = neighbors.map((neighbor) => formatPeer(neighbor.address)).join(", ");
        return { error: `neighbor: ${JSON.stringify(text)}, wanted one of ${known || "none: no neighbor is configured"}` };
      }
      const now = clock.nowMs();
      return {
        value: Object.fromEntries(
          chosen.map((one) => [
            formatPeer(one.address),
            describeNeighbor(one, rib.peerPaths(one.address), adjOut.size(one.address), now),
          ]),
        ),
      };
    },
  };
}

const few = (changes: readonly { readonly prefixes: readonly Prefix[] }[]): string[] =>
  changes
    .slice(0, PREFIXES_IN_EVENT)
    .flatMap(({ prefixes }) => prefixes.slice(0, PREFIXES_IN_EVENT))
    .slice(0, PREFIXES_IN_EVENT)
    .map(formatPrefix);

/** Absent rather than undefined: what `exactOptionalPropertyTypes` means and zod does not say. */
function withoutUndefined<Value extends object>(value: Value): { [Key in keyof Value]: Exclude<Value[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as never;
}
