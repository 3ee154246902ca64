/** What the packets of a capture begin with: code points of the LINKTYPE_ registry (tcpdump.org/linktypes.html) that are read here. */
export const LINK_TYPE = {
  ethernet: 1,
  /** An IP packet and nothing else; 12 is what Linux wrote into files before 101 was assigned. */
  rawOfLinux: 12,
  raw: 101,
  /** Linux "cooked" captures, of the device `any`. */
  linuxCooked: 113,
  ipv4: 228,
  ipv6: 229,
  linuxCooked2: 276,
} as const;
