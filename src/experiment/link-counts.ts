/** How many packets of a capture are of each link type that cannot be made frames: a capture may have several. */
export interface LinkCount {
  readonly linkType: number;
  readonly packets: number;
}

export function createLinkCounts() {
  const counts = new Map<number, number>();
  return {
    add: (linkType: number, packets = 1): void => void counts.set(linkType, (counts.get(linkType) ?? 0) + packets),
    /** By number. */
    list: (): LinkCount[] =>
      [...counts].map(([linkType, packets]) => ({ linkType, packets })).sort((a, b) => a.linkType - b.linkType),
  };
}
