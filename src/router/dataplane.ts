/**
 * The packet path of a running router, put together: the ports' facts, the ingress rule that keeps the kernel off transit
 * packets, the FIB, the workers over their rings, the neighbor table and the slow path. `router.ts` hands it route changes.
 *
 * More than 300 lines, because it is where every part of the packet path is given what it needs of the others.
 */
import type { Config } from "../config/schema.ts";
import { type CounterSnapshot, readCounters, readNextHopCounters, totalsOf } from "../dataplane/counters.ts";
import { createForwarder } from "../dataplane/forward.ts";
import { createOwnSources, setOwnSources } from "../dataplane/own-sources.ts";
import { createFib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import type { FibState } from "../fib/state.ts";
import { type Address, type AddressFamily, addressFamily, formatAddress, isLinkLocal, zoneOf } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { formatMac, type Mac } from "../net/mac.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Random } from "../net/random.ts";
import { adviseLargePages } from "../port/large-pages.ts";
import { Wake } from "../port/wake.ts";
import type { RouteChange } from "../rib/route.ts";
import { startBucketTimers } from "./bucket-timers.ts";
import { openCaptures } from "./captures.ts";
import { type CleanUp, createCleanUp } from "./clean-up.ts";
import type { EventRecord } from "./events.ts";
import { startFlowOffload } from "./flow-offload.ts";
import type { Guard } from "./guard.ts";
import { createIcmpErrors } from "./icmp-errors.ts";
import { createNeighbors } from "./neighbors.ts";
import { type Count, createNextHopCounts } from "./next-hop-counts.ts";
import { createNextNeighbors } from "./next-neighbor.ts";
import { createOffloadAdvice } from "./offload-advice.ts";
import { createOwnAnswers } from "./own-answers.ts";
import {
  createLister,
  fixedMacs,
  interfacesOf,
  isElsewhere,
  isOverFiles,
  linkLocalOf,
  type PortFacts,
  requirePorts,
  sourceFor,
} from "./port-facts.ts";
import { createPortFaults } from "./port-faults.ts";
import { createPortTaps } from "./port-taps.ts";
import { stateOf, watchPorts } from "./port-watch.ts";
import { createPorts } from "./ports.ts";
import { resolveNextHops } from "./resolve-next-hops.ts";
import { createRouterDiscovery, type KnownRouter } from "./router-discovery.ts";
import { createSlowPath } from "./slow-path.ts";
import { createSupervisor, launchWorker, type Predecessor } from "./supervisor.ts";
import { openWaysOut } from "./ways-out.ts";

export type Dataplane = Awaited<ReturnType<typeof startDataplane>>;

export interface DataplaneOptions {
  readonly config: Config;
  /** The ports before these, which another data plane may still have. */
  readonly had: readonly PortFacts[];
  /** Whose place this one is to take, and which goes on until then. */
  readonly leaving: LeavingDataplane | undefined;
  /** A number that no port had before. */
  readonly fanoutGroup: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventRecord;
  readonly guard: Guard;
  /** The names of the unnumbered links, as of now. */
  readonly links: () => readonly string[];
  /** What is connected is another than it was. */
  readonly onPorts: () => void;
}

/** The data plane whose place another takes. */
export interface LeavingDataplane {
  readonly workers: Predecessor;
  /** What others need not find out again; the links are theirs to ask on from now on. */
  handOver(): {
    readonly neighbors: readonly { readonly link: string; readonly address: Address; readonly mac: Mac }[];
    readonly routers: ReadonlyMap<string, KnownRouter>;
  };
}

/**
 * All of it, with workers that are warm and deaf: nothing comes in before `open`, until when the routes are filled in, and another
 * data plane may go on. If anything cannot be had, what was had already is given back before this rejects.
 */
export async function startDataplane(options: DataplaneOptions) {
  const cleanUp = createCleanUp();
  try {
    return await build(options, cleanUp);
  } catch (error) {
    // What it began with is what is told.
    await cleanUp.run().catch(() => {});
    throw error;
  }
}

async function build(options: DataplaneOptions, cleanUp: CleanUp) {
  const { config, had, leaving, fanoutGroup, clock, random, events, guard, links, onPorts } = options;
  const portTable = createPorts(requirePorts(config, had), config.ports, config.workers > 1 ? fanoutGroup : undefined);
  const { facts, identities } = portTable;
  const hold = guard.hold();
  cleanUp.push(hold.letGo);
  const names = facts.map(({ name }) => name);
  const isUnseen = config.ports.map((port, i) => identities[i].vlans !== 0 || isOverFiles(port));
  const { hash, selector, memberOrder } = config.ecmp;
  const { name, ...selectorOptions } = selector;
  const nextHopCounts = createNextHopCounts(countNextHop);
  const buffers = createImage();
  const ownSources = createOwnSources();
  for (const memory of [buffers.trie, buffers.trie6]) adviseLargePages(memory);
  const fib = createFib({
    buffers,
    selector: name,
    selectorOptions,
    memberOrder,
    hash,
    workers: config.workers,
    links: names,
    onRefusal: (group, because) => events.add("group-refused", { group, because }),
    onNextHop: nextHopCounts.give,
  });

  const offload = config.flowOffload
    ? startFlowOffload({
        ...{ config, clock, random, events, facts },
        packetMtu: portTable.packetMtu,
        disturbance: () => (faults.areAny() ? "a fault is in force" : taps.areAny() ? "a tap is open" : undefined),
      })
    : undefined;
  if (offload) cleanUp.push(offload.stop);
  const faults = createPortFaults({
    ports: names,
    workers: config.workers,
    indexOf: fib.nextHopIndex,
    onChange: () => offload?.forget(),
  });
  // The workers' and, last, that of the slow path.
  const taps = createPortTaps({ clock, events, ports: names, threads: config.workers + 1, nextHopName: fib.nextHopName });
  cleanUp.push(taps.stop);
  const configureFaults = ({ ports }: Pick<Config, "ports">): void => {
    for (const [i, { fault = [] }] of ports.entries()) faults.configure(i, fault);
  };
  configureFaults(config);
  // Whoever serves a port signals the first to its end: they are closed after that.
  const wakes = Array.from({ length: config.workers }, () => new Wake());
  cleanUp.push(() => {
    for (const wake of wakes) wake.close();
  });
  const captures = await openCaptures(config, facts, config.workers + 1, events);
  cleanUp.push(captures.stop);
  captures.wakeBy(wakes[0].descriptor);
  const waysOut = openWaysOut({ facts, captures, taps, thread: config.workers, clock });
  cleanUp.push(waysOut.close);
  hold.keepKernelOff(interfacesOf(facts));

  const forward = createForwarder({ image: fib.image, hash, selector: name, ports: identities });
  const nextNeighbors = createNextNeighbors(fib);
  const errors = createIcmpErrors({ clock, ports: () => facts.map(({ addresses }) => addresses), toward: nextNeighbors.toward });
  const list = createLister(config);
  let interfaces = list();
  const slowPath = createSlowPath({
    forward,
    image: fib.image,
    ports: waysOut.ports,
    identities,
    errors,
    neighborOf: nextNeighbors.of,
    resolve: (address, port) => neighbors.resolve(address, port),
    receive: (hearing, port) => neighbors.receive(hearing, port),
    isUnseen,
    answer: createOwnAnswers({
      clock,
      ports: facts,
      errors,
      isHeardByKernel: (address, port) => isElsewhere(address, facts[port], interfaces),
    }),
    discover: (message, port) => discovery.receive(message, port),
    explain: createOffloadAdvice(events, names),
  });

  let announced = 0;
  let isOpen = false;
  /** Before, nobody would hear the answers. */
  const askForNextHops = (): void => {
    if (isOpen) resolveNextHops(fib, neighbors.resolve);
  };
  const publish = (): number => {
    const generation = fib.publish();
    faults.refresh();
    // After the image: what is decided by it is entered under the generation that follows.
    offload?.forget();
    supervisor.wake();
    return generation;
  };
  const onAcknowledged = (): void => {
    const oldest = fib.reclaim();
    if (oldest > announced) {
      announced = oldest;
      events.add("converged", { generation: oldest });
    }
  };

  const neighbors = createNeighbors({
    clock,
    ports: names.map((name, port) => ({
      name,
      mac: () => facts[port].mac,
      sourceFor: (address) =>
        isLinkLocal(address) ? linkLocalOf(facts[port].interface) : sourceFor(facts[port].addresses, address),
      owns: (address) => facts[port].addresses.some((own) => own.address === address),
      macOf: fixedMacs(config.ports[port]),
    })),
    send: slowPath.send,
    onChange(address, port, mac) {
      const { mac: source } = facts[port];
      fib.setNeighbor(address, port, mac === undefined ? undefined : { mac, source, mtu: portTable.packetMtu(port) });
      if (mac === undefined) fib.forgetNeighbor(address);
      const generation = publish();
      const state = mac === undefined ? { state: "failed" } : { state: "reachable", mac: formatMac(mac) };
      events.add("neighbor", { address: formatAddress(address), interface: facts[port].name, ...state, generation });
      if (mac === undefined) slowPath.abandon(address);
      else slowPath.release(address);
    },
  });
  cleanUp.push(neighbors.stop);

  const discovery = createRouterDiscovery({
    clock,
    ports: names.map((name, port) => ({ name, mac: () => facts[port].mac, linkLocal: () => linkLocalOf(facts[port].interface) })),
    links,
    send: slowPath.send,
    onChange: (link, router) =>
      events.add("router-discovered", { interface: link, router: router === undefined ? null : formatAddress(router) }),
  });
  cleanUp.push(discovery.stop);

  const supervisor = createSupervisor({
    clock,
    wakes,
    before: leaving?.workers,
    isPersistent: had.length > 0,
    ring: { slots: config.ringSlots, slotBytes: config.ringSlotBytes },
    busy: config.busy,
    hash,
    selector: name,
    image: buffers,
    ownSources,
    links: portTable.links,
    taps: taps.memories,
    offload: offload?.start,
    launch: launchWorker,
    ports: names.map((_, i) => ({
      interface: facts[i].interface,
      vlans: identities[i].vlans,
      served: captures.memoryOf(i),
      isUnseen: isUnseen[i],
      fault: faults.memories[i],
      tap: taps.settings[i],
    })),
    onEntry: slowPath.take,
    onAcknowledged,
    onDeath(worker, reason) {
      offload?.forget();
      events.add("worker-died", { worker, reason });
    },
  });
  const memories = supervisor.counterMemories;
  const watch = watchPorts({
    clock,
    events,
    ports: portTable,
    list: () => {
      interfaces = list();
      return interfaces;
    },
    fib,
    reopen: waysOut.reopen,
    forgetNeighbors: neighbors.forget,
    onOwn: (addresses) => setOwnSources(ownSources, addresses),
    guard: hold.keepKernelOff,
    onChange() {
      offload?.follow();
      publish();
      onPorts();
      askForNextHops();
    },
  });
  cleanUp.push(watch.stop);
  cleanUp.push(() => supervisor.stop());
  offload?.follow();
  await supervisor.prepare();
  const onMoved = (buckets: number): void => events.add("buckets-moved", { buckets, generation: publish() });
  cleanUp.push(startBucketTimers({ fib, clock, onMoved }));

  return {
    facts,
    interfaces: portTable.interfaces,
    links: portTable.usable,
    faults,
    killWorker: supervisor.kill,
    workers: { endings: supervisor.endings, end: supervisor.end },
    /** A tap's file is one writer's: not before another data plane has closed it. */
    async configurePorts(wanted: Pick<Config, "ports">): Promise<void> {
      configureFaults(wanted);
      for (const [i, { tap }] of wanted.ports.entries()) await taps.configure(i, tap);
      offload?.forget();
    },
    /** When every file of taps and ports is open, or its problem known. */
    filesSettled: () => Promise.all([taps.settled(), captures.settled()]),
    routerOn: discovery.routerOn,
    stop: cleanUp.run,

    /**
     * Once: workers take what comes in; if another data plane is leaving, from where it leaves off, with what it knows of those
     * around us. That one is to be stopped then. Workers that cannot begin are a reason not to only where nothing was before.
     */
    async open(): Promise<void> {
      const known = leaving?.handOver();
      for (const { link, address, mac } of known?.neighbors ?? []) {
        const port = names.indexOf(link);
        if (port >= 0) neighbors.adopt({ address, port, mac });
      }
      await supervisor.start();
      publish();
      isOpen = true;
      discovery.start(known?.routers);
      askForNextHops();
      for (const [port, { neighbors: named = [] }] of config.ports.entries())
        for (const { address } of named) neighbors.resolve(address, port);
      captures.begin();
    },

    handOver: () => ({
      neighbors: neighbors.known().map(({ port, ...neighbor }) => ({ ...neighbor, link: names[port] })),
      routers: discovery.handOver(),
    }),

    /** The port that has the address. */
    linkOf: (address: Address): string | undefined =>
      zoneOf(address) ?? facts.find(({ addresses }) => addresses.some((own) => own.address === address))?.name,

    /** Our address of `family` on the port that has `address`: that one itself if it is of the family. */
    addressBeside(address: Address, family: AddressFamily): Address | undefined {
      if (addressFamily(address) === family) return address;
      const zone = zoneOf(address);
      const port = facts.find(({ name, addresses }) => name === zone || addresses.some((own) => own.address === address));
      return port?.addresses.find((own) => addressFamily(own.address) === family && !isLinkLocal(own.address))?.address;
    },

    /** Puts the changes in force; the generation that has them, and the prefixes that there is no room for. */
    apply(changes: readonly RouteChange[]): { generation: number; refused: Prefix[] } {
      const refused = fib.apply(changes);
      const generation = publish();
      askForNextHops();
      return { generation, refused };
    },

    /** At once, and before the routes say so: nothing goes to these any more where there is another way. */
    withdraw(nextHops: ReadonlySet<Address>): void {
      if (nextHops.size === 0) return;
      fib.withdraw(nextHops);
      publish();
    },

    groups: (): FibState => fib.state(),
    groupSizes: fib.groupSizes,
    groupIdOf: fib.groupIdOf,
    neighbors: () => neighbors.states().map((neighbor) => ({ ...neighbor, interface: names[neighbor.port] })),
    ports: () =>
      facts.map((fact, i) => ({
        port: i,
        interface: fact.name,
        kind: config.ports[i].kind,
        state: captures.isDown(i) && stateOf(fact) === "up" ? "down" : stateOf(fact),
        changes: watch.changes(i),
        mac: formatMac(fact.mac),
        mtu: fact.mtu,
        packetMtu: portTable.packetMtu(i),
        addresses: fact.addresses.map(({ address, length }) => `${formatAddress(address)}/${length}`),
        ...captures.state(i),
        ...(taps.state(i) ? { tap: taps.state(i) } : {}),
        counters: readAll().ports[i],
      })),
    totals: () => totalsOf(readAll()),
    counters() {
      const { ports: _, ...counters } = readAll();
      return {
        ...counters,
        slowPath: slowPath.counters(),
        writes: fib.writeCounts(),
        ...(offload ? { flowOffload: offload.state() } : {}),
        nextHops: nextHopsCounted(),
      };
    },
  };

  function readAll(): CounterSnapshot {
    const counters = readCounters(memories, facts.length);
    return offload?.addTo(counters) ?? counters;
  }

  function countNextHop(index: number): Count {
    const counted = readNextHopCounters(memories, index);
    const carried = offload?.countsOfNextHop(index);
    return carried ? { packets: counted.packets + carried.packets, bytes: counted.bytes + carried.bytes } : counted;
  }

  function nextHopsCounted() {
    return fib.nextHopAddresses().map((address) => ({ address: formatAddress(address), ...nextHopCounts.of(address) }));
  }
}
