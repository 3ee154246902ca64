/**
 * Says when a port's interface changes under us: down, up, gone, back, another MAC or MTU. The rings of a port whose
 * interface was deleted and made again are deaf until the router is told to start them anew; this is how one knows.
 */
import type { Clock } from "../net/clock.ts";
import { formatMac } from "../net/mac.ts";
import { type InterfaceInfo, listInterfaces } from "../port/interface.ts";
import type { EventRecord } from "./events.ts";

const EVERY_MS = 1000;

export type PortState = "up" | "down" | "gone";

const stateOf = (info: InterfaceInfo | undefined): PortState =>
  info === undefined ? "gone" : info.up && info.running ? "up" : "down";

export const portState = (name: string): PortState => stateOf(listInterfaces().find((info) => info.name === name));

/** Looks every second; returns what ends that. */
export function watchPorts(ports: readonly InterfaceInfo[], clock: Clock, events: EventRecord): () => void {
  const described = new Map(ports.map((port) => [port.name, describe(port)]));
  let cancel = clock.setTimer(EVERY_MS, look);
  function look(): void {
    const now = new Map(listInterfaces().map((info) => [info.name, info]));
    for (const { name } of ports) {
      const description = describe(now.get(name));
      if (JSON.stringify(description) === JSON.stringify(described.get(name))) continue;
      described.set(name, description);
      events.add("port", { interface: name, ...description });
    }
    cancel = clock.setTimer(EVERY_MS, look);
  }
  return () => cancel();
}

const describe = (info: InterfaceInfo | undefined) =>
  info === undefined ? { state: "gone" } : { state: stateOf(info), index: info.index, mac: formatMac(info.mac), mtu: info.mtu };
