/**
 * The packet path of a running router, put together: the ports' facts, the ingress rule that keeps the kernel off transit
 * packets, the FIB, the workers over their rings, the neighbor table and the slow path. `router.ts` hands it route changes.
 */
import type { Config } from "../config/schema.ts";
import { readCounters, readNextHopCounters } from "../dataplane/counters.ts";
import { createForwarder } from "../dataplane/forward.ts";
import { HASHES } from "../ecmp/hash.ts";
import { compileKey } from "../ecmp/key.ts";
import { createFib, type Fib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import type { FibState } from "../fib/state.ts";
import { type Address, formatAddress, isIpv4 } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { formatMac, macHigh, macLow } from "../net/mac.ts";
import { makePrefix, type Prefix, prefixContains } from "../net/prefix.ts";
import { installIngressRule, ownAddresses } from "../port/ingress-rule.ts";
import { findInterface, type InterfaceInfo, listInterfaces } from "../port/interface.ts";
import { PacketRing } from "../port/packet-ring.ts";
import type { RouteChange } from "../rib/route.ts";
import type { EventRecord } from "./events.ts";
import { createNeighbors } from "./neighbors.ts";
import { createSlowPath } from "./slow-path.ts";
import { createSupervisor } from "./supervisor.ts";

export type Dataplane = Awaited<ReturnType<typeof startDataplane>>;

const isLinkLocal = (address: Address): boolean => !isIpv4(address) && address.startsWith("fe8");

export async function startDataplane(config: Config, clock: Clock, events: EventRecord) {
  const facts = config.ports.map((port) => requireInterface(port.interface));
  // Link-local subnets are on every port and routed on none.
  const interfaces = facts.flatMap(({ addresses }) => addresses.filter(({ address }) => !isLinkLocal(address)));
  const { hash, selector } = config.ecmp;
  const buffers = createImage();
  const { name, ...selectorOptions } = selector;
  const options = selectorOptions.buckets === undefined ? {} : { buckets: selectorOptions.buckets };
  const fib = createFib({ buffers, selector: name, selectorOptions: options, hash, workers: config.workers });
  for (const address of ownAddresses(listInterfaces())) fib.own(address);
  facts.forEach(({ addresses }, port) => {
    for (const { address, length } of addresses) {
      if (!isLinkLocal(address)) fib.attach({ prefix: makePrefix(address, length), port });
    }
  });

  const ingressRule = installIngressRule(facts.map((fact) => fact.name));
  const macs = facts.map(({ mac }) => ({ macHigh: macHigh(mac), macLow: macLow(mac) }));
  const senders = facts.map((fact) => new PacketRing({ interface: fact.name, receive: false }));
  const forward = createForwarder({
    image: fib.image,
    writeKey: compileKey(hash.fields),
    hash: HASHES[hash.algorithm].create(hash.seed),
    ports: macs,
  });
  const slowPath = createSlowPath({ forward, ports: senders, nextHopName: fib.nextHopName, portOf: fib.portOf });

  let announced = 0;
  const publish = (): number => {
    const generation = fib.publish();
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
    ports: facts.map(({ mac, addresses }) => ({ mac, sourceFor: (address) => sourceFor(addresses, address) })),
    send: slowPath.send,
    onChange(address, port, mac) {
      const { mac: source, mtu } = facts[port];
      fib.setNeighbor(address, port, mac === undefined ? undefined : { mac, source, mtu });
      if (mac === undefined) fib.forgetNeighbor(address);
      const generation = publish();
      const state = mac === undefined ? { state: "failed" } : { state: "reachable", mac: formatMac(mac) };
      events.add("neighbor", { address: formatAddress(address), interface: facts[port].name, ...state, generation });
      if (mac === undefined) slowPath.abandon(address);
      else slowPath.release(address);
    },
  });

  const fanoutBase = process.pid & 0x7fff;
  const supervisor = createSupervisor({
    workers: config.workers,
    slots: config.ringSlots,
    hash,
    image: buffers,
    ports: facts.map((fact, i) => ({
      interface: fact.name,
      ...macs[i],
      ...(config.workers > 1 ? { fanoutGroup: (fanoutBase + i) & 0xffff } : {}),
    })),
    onEntry: (entry) => slowPath.take(entry, neighbors),
    onAcknowledged,
    onDeath: (worker, reason) => events.add("worker-died", { worker, reason }),
  });

  const stop = async (): Promise<void> => {
    await supervisor.stop();
    neighbors.stop();
    for (const sender of senders) sender.close();
    ingressRule.remove();
  };
  try {
    await supervisor.start();
  } catch (error) {
    await stop();
    throw error;
  }
  publish();

  return {
    interfaces,
    stop,

    /** Puts the changes in force; the generation that has them. */
    apply(changes: readonly RouteChange[]): number {
      fib.apply(changes);
      const generation = publish();
      resolveNextHops(fib, neighbors.resolve);
      return generation;
    },

    groups: (): FibState => fib.state(),
    groupIdOf: fib.groupIdOf,
    neighbors: neighbors.states,
    ports: () =>
      facts.map((fact, i) => ({
        port: i,
        interface: fact.name,
        mac: formatMac(fact.mac),
        mtu: fact.mtu,
        addresses: fact.addresses.map(({ address, length }) => `${formatAddress(address)}/${length}`),
        counters: readCounters(supervisor.counterMemories, facts.length).ports[i],
      })),
    counters() {
      const { ports: _, ...counters } = readCounters(supervisor.counterMemories, facts.length);
      return { ...counters, slowPath: slowPath.counters(), writes: fib.writeCounts(), nextHops: nextHopCounters() };
    },
  };

  function nextHopCounters() {
    return fib.nextHopAddresses().map((address) => {
      const index = fib.nextHopIndex(address);
      const { packets, bytes } =
        index === undefined ? { packets: 0, bytes: 0 } : readNextHopCounters(supervisor.counterMemories, index);
      return { address: formatAddress(address), packets, bytes };
    });
  }
}

/** Asked for as soon as a route names them, so that the first packet need not wait. */
function resolveNextHops(fib: Fib, resolve: (address: Address, port: number) => unknown): void {
  for (const address of fib.nextHopAddresses()) {
    const port = fib.portOf(address);
    if (port !== undefined) resolve(address, port);
  }
}

const sourceFor = (addresses: readonly Prefix[], address: number): number | undefined => {
  const subnet = addresses.find((own) => prefixContains(makePrefix(own.address, own.length), address));
  return subnet && isIpv4(subnet.address) ? subnet.address : undefined;
};

function requireInterface(name: string): InterfaceInfo {
  const info = findInterface(name);
  if (!info.up) throw new Error(`ports: "${name}" is down, wanted an interface that is up (ip link set ${name} up)`);
  return info;
}
