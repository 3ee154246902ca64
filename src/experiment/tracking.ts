/**
 * What tracking connections would save. For experiments only: a router's table has no room for a memory of connections.
 *
 * Three balancers see the same connections to the same servers, which come and go, and all three hash by AnchorHash:
 * `none` remembers nothing; `full` remembers every connection's server, in a table of `capacity` entries that forgets the
 * least recently used (as stateful load balancers do); `jet` remembers only connections *at risk*, those that one of the next
 * `horizon` servers would take away (JET: Mendelson, Vargaftik, Lorenz, Barabash, Keslassy and Orda, CoNEXT 2021). A
 * connection breaks when a packet of it is sent to another server than its first one, while that one lives. Connections of a
 * server that dies end with it and are not counted.
 *
 * The run follows the paper's event-driven example: arrivals at random, lifetimes, servers that fail at random and come back
 * after a while. Our own: lifetimes and downtimes are exponential (the example draws them from measured distributions), and a
 * connection sends a packet when it opens, when the servers have changed, and when it ends.
 */
import { type AnchorHash, createAnchorHash } from "../ecmp/select/anchor-hash.ts";
import { scramble } from "../ecmp/select/scatter.ts";
import { type Random, randomBelow, seededRandom } from "../net/random.ts";
import { createRecentlyUsed, type RecentlyUsed } from "./recently-used.ts";

export interface TrackingRun {
  readonly seed: number;
  readonly servers: number;
  /** Servers that may be added, as far as JET looks ahead. */
  readonly horizon: number;
  /** Entries of each connection table. */
  readonly capacity: number;
  /** Connections open at a time, on average. */
  readonly connections: number;
  readonly failuresPerMinute: number;
  readonly durationSeconds: number;
  readonly meanLifetimeSeconds: number;
  readonly meanDowntimeSeconds: number;
}

/** The example that JET's authors publish with their code, but for the two distributions. */
export const JET_EXAMPLE: TrackingRun = {
  seed: 12345,
  servers: 468,
  horizon: 70,
  capacity: 25_000,
  connections: 100_000,
  failuresPerMinute: 10,
  durationSeconds: 1000,
  meanLifetimeSeconds: 21.3,
  meanDowntimeSeconds: 60,
};

export interface TrackingResult {
  readonly opened: number;
  readonly failures: number;
  readonly none: TrackerResult;
  readonly full: TrackerResult;
  readonly jet: TrackerResult;
  /** The most connections of one server at a change, relative to the mean of all. */
  readonly maxOverMean: number;
}

export interface TrackerResult {
  readonly broken: number;
  /** The most entries at once. */
  readonly tracked: number;
}

interface Connection {
  readonly key: number;
  readonly server: number;
  readonly endsAt: number;
  /** One bit a balancer: each breaks a connection once. */
  broken: number;
}

/** A way of balancing, with its table of connections. */
interface Balancer {
  readonly bit: number;
  readonly tracks: (key: number) => boolean;
  readonly table: RecentlyUsed;
  broken: number;
  tracked: number;
}

interface Packet {
  readonly at: number;
  readonly connection: Connection;
}

interface ServerEvent {
  readonly at: number;
  readonly kind: "fail" | "return" | "end";
}

export function runTracking(run: TrackingRun): TrackingResult {
  const random = seededRandom(run.seed);
  const hash = createAnchorHash(2 * run.servers, run.servers);
  const working = Array.from({ length: run.servers }, (_, server) => server);
  const create = (bit: number, tracks: Balancer["tracks"]): Balancer => ({
    bit,
    tracks,
    table: createRecentlyUsed(run.capacity),
    broken: 0,
    tracked: 0,
  });
  const none = create(1, () => false);
  const full = create(2, () => true);
  const jet = create(4, (key) => hash.isAtRisk(key, run.horizon));
  const balancers = [none, full, jet];
  const sendPacket = (connection: Connection): void => {
    for (const balancer of balancers) send(balancer, connection, hash);
  };
  const forget = ({ key }: Connection): void => {
    for (const { table } of balancers) table.delete(key);
  };

  const openNext = createArrivals(run, random, hash);
  let live: Connection[] = [];
  let opened = 0;
  let failures = 0;
  let maxOverMean = 0;

  for (const event of planServers(run, random)) {
    // What happened until then, in the order of time.
    const packets: Packet[] = [];
    const staying: Connection[] = [];
    const planEnd = (connection: Connection): void => {
      if (connection.endsAt < event.at) packets.push({ at: connection.endsAt, connection });
      else staying.push(connection);
    };
    live.forEach(planEnd);
    for (let opening = openNext(event.at); opening; opening = openNext(event.at)) {
      opened++;
      packets.push(opening);
      planEnd(opening.connection);
    }
    packets.sort((a, b) => a.at - b.at);
    for (const { at, connection } of packets) {
      sendPacket(connection);
      if (at === connection.endsAt) forget(connection);
    }
    live = staying;

    if (event.kind === "end") break;
    if (event.kind === "return") working.push(hash.add());
    else if (working.length > 1) {
      const [failed] = working.splice(randomBelow(random, working.length), 1);
      hash.remove(failed);
      failures++;
      for (const connection of live) if (connection.server === failed) forget(connection);
      live = live.filter(({ server }) => server !== failed);
    }
    shuffle(live, random);
    live.forEach(sendPacket);
    maxOverMean = Math.max(maxOverMean, fullestServer(live) / (live.length / working.length));
  }
  const result = ({ broken, tracked }: Balancer): TrackerResult => ({ broken, tracked });
  return { opened, failures, none: result(none), full: result(full), jet: result(jet), maxOverMean };
}

/** One packet, to where the balancer remembers or else computes. */
function send(balancer: Balancer, connection: Connection, hash: AnchorHash): void {
  const { table, bit } = balancer;
  const known = table.get(connection.key);
  const server = known ?? hash.pick(connection.key);
  if (server !== connection.server && (connection.broken & bit) === 0) {
    connection.broken |= bit;
    balancer.broken++;
  }
  if (known !== undefined || !balancer.tracks(connection.key)) return;
  table.set(connection.key, server);
  balancer.tracked = Math.max(balancer.tracked, table.size);
}

const exponential = (random: Random, mean: number): number => -mean * Math.log((random() + 0.5) / 0x100000000);

/** Opens the next connection if that is before `until`. No two keys are the same: a counter, scrambled one to one. */
function createArrivals(run: TrackingRun, random: Random, hash: AnchorHash) {
  const meanGap = run.meanLifetimeSeconds / run.connections;
  let next = 0;
  let count = run.seed;
  return (until: number): Packet | undefined => {
    if (next >= until) return undefined;
    const at = next;
    next += exponential(random, meanGap);
    const key = scramble(count++);
    const connection = { key, server: hash.pick(key), endsAt: at + exponential(random, run.meanLifetimeSeconds), broken: 0 };
    return { at, connection };
  };
}

/** When a server fails and when one comes back, and the end of it all. */
function planServers(run: TrackingRun, random: Random): ServerEvent[] {
  const events: ServerEvent[] = [{ at: run.durationSeconds, kind: "end" }];
  const meanGap = 60 / run.failuresPerMinute;
  for (let at = exponential(random, meanGap); at < run.durationSeconds; at += exponential(random, meanGap)) {
    events.push({ at, kind: "fail" }, { at: at + exponential(random, run.meanDowntimeSeconds), kind: "return" });
  }
  return events.sort((a, b) => a.at - b.at);
}

function shuffle(connections: Connection[], random: Random): void {
  for (let last = connections.length - 1; last > 0; last--) {
    const other = randomBelow(random, last + 1);
    [connections[last], connections[other]] = [connections[other], connections[last]];
  }
}

function fullestServer(live: readonly Connection[]): number {
  const loads = new Map<number, number>();
  for (const { server } of live) loads.set(server, (loads.get(server) ?? 0) + 1);
  return Math.max(0, ...loads.values());
}
