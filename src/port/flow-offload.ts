/**
 * The kernel's part of carried flows, opened: the shared memory, a filter for each ring, and for each interface the program that sends
 * on. The main thread opens it; workers look at the same memory and put the filters on their rings. Whatever ends this process
 * takes all of it along.
 */
import { loadNative } from "../../native-bindings/index.ts";
import { assembleFilter } from "./flow-filter.ts";
import { assembleIngress } from "./flow-ingress.ts";
import { type FlowLayout, type FlowMemorySize, layOutFlows } from "./flow-layout.ts";
import { createFlowMemory, type FlowMemory, type LaneProgress } from "./flow-memory.ts";

/** For workers, by message. */
export interface SharedFlows {
  readonly map: number;
  readonly layout: FlowLayout;
  /** By port and lane: programs. None where flows of the port are not carried. */
  readonly filters: readonly (readonly number[])[];
}

/** Of a ring: who looks at its frames first, and how it tells what has become of those that it got. */
export interface RingFlows {
  readonly filter: number;
  readonly progress: LaneProgress;
}

export interface FlowOffload {
  readonly memory: FlowMemory;
  readonly shared: SharedFlows;
  /** The interface behind the port from now on; 0: there is none. Throws if the kernel does not agree. */
  follow(port: number, interfaceIndex: number, mtu: number): void;
  close(): void;
}

/** `carried`: the ports whose flows are. Throws where the kernel has none of this, or it is not ours to ask for. */
export function openFlowOffload(size: FlowMemorySize, carried: readonly boolean[]): FlowOffload {
  const native = loadNative();
  const layout = layOutFlows(size);
  const open: number[] = [];
  const keep = (descriptor: number): number => {
    open.push(descriptor);
    return descriptor;
  };
  const close = (): void => {
    for (const descriptor of open.splice(0)) native.closeDescriptor(descriptor);
  };
  try {
    const { descriptor: map, buffer } = native.createMap(layout.bytes);
    keep(map);
    const memory = createFlowMemory(buffer, layout);
    const lanes = [...Array(size.lanes).keys()];
    const filters = carried.map((isCarried, port) =>
      isCarried
        ? lanes.map((lane) => keep(native.loadProgram(false, "ecmp_filter", assembleFilter({ map, layout, port, lane }))))
        : [],
    );
    const programs = carried.map((isCarried, port) =>
      isCarried ? keep(native.loadProgram(true, "ecmp_ingress", assembleIngress({ map, layout, port }))) : undefined,
    );
    const places = new Map<number, { readonly interface: number; readonly descriptor: number }>();

    const leave = (port: number): void => {
      const place = places.get(port);
      if (place === undefined) return;
      places.delete(port);
      open.splice(open.indexOf(place.descriptor), 1);
      native.closeDescriptor(place.descriptor);
    };

    return {
      memory,
      shared: { map, layout, filters },
      follow(port, interfaceIndex, mtu) {
        const program = programs[port];
        if (program === undefined) return;
        if (places.get(port)?.interface !== interfaceIndex) {
          memory.setPort(port, 0, 0, false);
          leave(port);
          if (interfaceIndex === 0) return;
          const descriptor = keep(native.attachIngress(program, interfaceIndex));
          places.set(port, { interface: interfaceIndex, descriptor });
        }
        memory.setPort(port, interfaceIndex, mtu, native.isVethAcross(interfaceIndex));
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** In a worker: its view of the memory. */
export const shareFlows = ({ map, layout }: SharedFlows): FlowMemory =>
  createFlowMemory(loadNative().shareMap(map, layout.bytes), layout);
