/**
 * Which port of the router a captured frame arrives on: the first whose VLANs are the frame's, as the configuration has them in
 * `ports[].vlan`. A frame whose tags no port has goes to the first port, which refuses it as the live router would. Of several
 * ports without VLANs a capture does not tell which; a packet that was captured without any link header is of one of those.
 *
 * Behind the configured ports lies one more, without VLANs, by which everything leaves: where next hops are is not known offline.
 */
import { readTags, type VlanStack } from "../dataplane/vlan.ts";
import { RECORD } from "../pcap/record.ts";
import { isBareLink } from "../port/captured-frame.ts";

const { offset: RECORD_OFFSET, length: RECORD_LENGTH, linkType: RECORD_LINK_TYPE } = RECORD;
const VLANS = 0xffffff;

/** Each frame is to the router: its MAC is that of the frames at hand. */
export interface ReplayPort {
  macHigh: number;
  macLow: number;
  readonly vlans: VlanStack;
}

export interface ReplayPorts {
  /** By port index. */
  readonly identities: readonly ReplayPort[];
  /** The index of the port for a record that `makeFrame` has made a frame. */
  arrivalOf(bytes: Uint8Array, words: Uint32Array, row: number): number;
}

/** `vlans`: of each port. */
export function createReplayPorts(vlans: readonly VlanStack[]): ReplayPorts {
  const identities = [...vlans, 0].map((stack): ReplayPort => ({ macHigh: 0, macLow: 0, vlans: stack }));
  if (vlans.every((stack) => stack === 0)) return { identities, arrivalOf: () => 0 };
  const untagged = identities.findIndex((port) => port.vlans === 0);
  return {
    identities,
    arrivalOf(bytes, words, row) {
      if (isBareLink(words[row + RECORD_LINK_TYPE])) return untagged;
      const tags = readTags(bytes, words[row + RECORD_OFFSET], words[row + RECORD_LENGTH], 0);
      return Math.max(0, vlans.indexOf(tags & VLANS));
    },
  };
}
