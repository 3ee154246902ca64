/**
 * What the packets of a capture begin with: code points of the LINKTYPE_ registry (tcpdump.org/linktypes.html) that are read
 * here.
 */
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

/** The registry's own names: of these, and of those that people most often have instead. */
const NAMES: Readonly<Record<number, string>> = {
  0: "NULL",
  1: "ETHERNET",
  6: "IEEE802_5",
  9: "PPP",
  12: "RAW of Linux",
  50: "PPP_HDLC",
  51: "PPP_ETHER",
  101: "RAW",
  104: "C_HDLC",
  105: "IEEE802_11",
  107: "FRELAY",
  108: "LOOP",
  113: "LINUX_SLL",
  117: "PFLOG",
  127: "IEEE802_11_RADIOTAP",
  187: "BLUETOOTH_HCI_H4",
  189: "USB_LINUX",
  192: "PPI",
  195: "IEEE802_15_4_WITHFCS",
  220: "USB_LINUX_MMAPPED",
  228: "IPV4",
  229: "IPV6",
  239: "NFLOG",
  249: "USBPCAP",
  251: "BLUETOOTH_LE_LL",
  252: "WIRESHARK_UPPER_PDU",
  253: "NETLINK",
  276: "LINUX_SLL2",
};

/** "105 (IEEE802_11)", or the number alone. */
export const describeLinkType = (linkType: number): string =>
  Object.hasOwn(NAMES, linkType) ? `${linkType} (${NAMES[linkType]})` : String(linkType);
