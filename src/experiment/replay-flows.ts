/**
 * How many flows there were: exactly while they fit into bounded memory, an estimate beyond it. A flow is a 5-tuple without
 * the ports where the forwarding core has none, and the next hop that it took.
 *
 * Workers report flows that they have not reported lately (`createRecentFlows`), so reports repeat but are few; the census
 * counts each once, whoever reports it and in whatever order. When the census is full it keeps the half of the flows whose
 * hash begins with one more zero, and so on: the count is then what is kept times a power of two (Wegman's adaptive sampling;
 * Flajolet, "On adaptive sampling", Computing 43, 1990), and it depends on the set of flows alone.
 *
 *   flow  source | destination | source port, destination port | next hop + 1 (24 bits), protocol (8)
 */
export const FLOW_WORDS = 4;

/** 2^23 slots, half of them used: 128 MiB, and 192 while it halves itself. */
const MAXIMUM_SLOTS = 1 << 23;
const FIRST_SLOTS = 1 << 12;
const RECENT_SLOTS = 1 << 15;

/** Of the words without the next hop: all of a flow that takes several must be kept or left together. */
function hashFlow(source: number, destination: number, ports: number, protocol: number): number {
  let hash = Math.imul(source ^ (source >>> 15), 0x85ebca6b);
  hash = Math.imul((hash ^ (hash >>> 13)) + destination, 0xc2b2ae35);
  hash = Math.imul((hash ^ (hash >>> 16)) + ports, 0x27d4eb2f);
  hash = Math.imul((hash ^ (hash >>> 15)) + (protocol & 0xff), 0x165667b1);
  hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b);
  return hash ^ (hash >>> 16);
}

export interface RecentFlows {
  /** True where the flow was not the last one seen in its slot: worth a report. */
  note(source: number, destination: number, ports: number, nextHopAndProtocol: number): boolean;
}

export function createRecentFlows(): RecentFlows {
  const words = new Uint32Array(RECENT_SLOTS * FLOW_WORDS);
  return {
    note(source, destination, ports, last) {
      const at = (hashFlow(source, destination, ports, last) & (RECENT_SLOTS - 1)) * FLOW_WORDS;
      if (words[at] === source && words[at + 1] === destination && words[at + 2] === ports && words[at + 3] === last)
        return false;
      words[at] = source;
      words[at + 1] = destination;
      words[at + 2] = ports;
      words[at + 3] = last;
      return true;
    },
  };
}

export interface FlowCount {
  readonly flows: number;
  /** By next-hop index. A flow that took several counts for each. */
  readonly byNextHop: readonly number[];
  /** Half of what is possible is kept so many times over: 0 says that the count is exact. */
  readonly halvings: number;
}

export interface FlowCensus {
  /** `reports`: FLOW_WORDS a flow. */
  add(reports: Uint32Array): void;
  count(): FlowCount;
}

export function createFlowCensus(nextHops: number, maximumSlots = MAXIMUM_SLOTS): FlowCensus {
  let words = new Uint32Array(Math.min(FIRST_SLOTS, maximumSlots) * FLOW_WORDS);
  let used = 0;
  let flows = 0;
  let byNextHop = new Array<number>(nextHops).fill(0);
  let halvings = 0;

  /** From the flow's slot on until it or an empty slot is found; what has the same flow with another next hop lies before that. */
  const insert = (source: number, destination: number, ports: number, last: number): void => {
    const hash = hashFlow(source, destination, ports, last);
    if (halvings > 0 && hash >>> (32 - halvings) !== 0) return;
    let isNew = true;
    let at = (hash * FLOW_WORDS) & (words.length - 1);
    for (; words[at + 3] !== 0; at = (at + FLOW_WORDS) & (words.length - 1)) {
      if (words[at] !== source || words[at + 1] !== destination || words[at + 2] !== ports) continue;
      if (words[at + 3] === last) return;
      if ((words[at + 3] & 0xff) === (last & 0xff)) isNew = false;
    }
    words[at] = source;
    words[at + 1] = destination;
    words[at + 2] = ports;
    words[at + 3] = last;
    used++;
    if (isNew) flows++;
    byNextHop[(last >>> 8) - 1]++;
  };

  const rebuild = (slots: number): void => {
    const before = words;
    words = new Uint32Array(slots * FLOW_WORDS);
    used = flows = 0;
    byNextHop = byNextHop.map(() => 0);
    for (let at = 0; at < before.length; at += FLOW_WORDS) {
      if (before[at + 3] !== 0) insert(before[at], before[at + 1], before[at + 2], before[at + 3]);
    }
  };

  const makeRoom = (): void => {
    const slots = words.length / FLOW_WORDS;
    if (slots < maximumSlots) return rebuild(slots * 2);
    halvings++;
    rebuild(slots);
  };

  return {
    add(reports) {
      for (let i = 0; i < reports.length; i += FLOW_WORDS) {
        insert(reports[i], reports[i + 1], reports[i + 2], reports[i + 3]);
        while (used > words.length / FLOW_WORDS / 2) makeRoom();
      }
    },
    count: () => {
      const scale = 2 ** halvings;
      return { flows: flows * scale, byNextHop: byNextHop.map((kept) => kept * scale), halvings };
    },
  };
}
