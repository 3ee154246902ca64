/** What commands say of packets of a capture whose link type is none that can be read: which it is, and which would be. */
import type { LinkCount } from "../experiment/link-counts.ts";
import { describeLinkType, LINK_TYPE } from "../pcap/link-type.ts";

export const SUPPORTED_LINKS = Object.values(LINK_TYPE).map(describeLinkType).join(", ");

/** One text a link type; `fate`: what became of its packets. */
export const describeUnknownLinks = (file: string, links: readonly LinkCount[], fate: string): string[] =>
  links.map(({ linkType, packets }) => {
    const counted = packets === 1 ? "1 packet" : `${packets} packets`;
    return `${file}: link type ${describeLinkType(linkType)}: ${counted} ${fate}, wanted one of ${SUPPORTED_LINKS}`;
  });
