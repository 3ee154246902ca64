/**
 * The filter's reading of a frame: whether its headers are plain and right, what of them is the flow (the key of `flow-layout.ts`), and
 * whether the packet fits. Written once for both families, which differ by rows.
 */
import { PROTOCOLS } from "../net/flow.ts";
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { type BpfAssembler, FRAME, HELPER } from "./bpf-assembler.ts";
import { ENTRY, type FlowLayout, IPV6_BIT, MIX, PORT_ROW, ROW_BYTES, SECOND_SET_SHIFT, SET_BYTES } from "./flow-layout.ts";

const { tcp: TCP, udp: UDP } = PROTOCOLS;
const FRAGMENT_BITS = 0xff3f;

/** On the stack: the IP header and what is behind it, the egress port's row, a byte of TCP's header, the flow's sets, the number, the processor's row. */
export const STACK = { ip: -48, egressRow: -56, tcpOffset: -64, firstSet: -72, secondSet: -80, number: -88, row: -96 } as const;
const IP = STACK.ip;

export interface Family {
  readonly name: string;
  readonly headerBytes: number;
  readonly bit: number;
  /** After `loadHeader`: the protocol in r7, what of the frame is IP in r1; to "number" if the header is not plain and right. */
  readonly read: (program: BpfAssembler) => void;
  readonly icmp: number;
  /** Types of requests and replies. */
  readonly echo: readonly [number, number];
  /** Words of the key beside ports and meta: where in an entry, where in the header. */
  readonly addresses: readonly { readonly size: "u32" | "u64"; readonly entry: number; readonly header: number }[];
}

export const IPV4: Family = {
  name: "ipv4",
  headerBytes: 20,
  bit: 0,
  read: readIpv4,
  icmp: PROTOCOLS.icmp,
  echo: [8, 0],
  addresses: [
    { size: "u32", entry: ENTRY.source + 12, header: 12 },
    { size: "u32", entry: ENTRY.destination + 12, header: 16 },
  ],
};
export const IPV6: Family = {
  name: "ipv6",
  headerBytes: 40,
  bit: IPV6_BIT,
  read: readIpv6,
  icmp: PROTOCOLS.icmp6,
  echo: [128, 129],
  addresses: [0, 8, 16, 24].map((at) => ({ size: "u64", entry: ENTRY.source + at, header: 8 + at })),
};

export interface FilterPlace {
  readonly map: number;
  readonly layout: FlowLayout;
  readonly port: number;
  readonly lane: number;
}

/** With four bytes behind it. */
export function loadHeader(program: BpfAssembler, { headerBytes }: Family): void {
  program
    .alu("mov", "r1", "r6")
    .alu("mov", "r2", ETHERNET_HEADER_LENGTH)
    .alu("mov", "r3", "r10")
    .alu("add", "r3", IP)
    .alu("mov", "r4", headerBytes + 4)
    .call(HELPER.loadBytes)
    .jumpIf("r0", "!=", 0, "number");
}

function readIpv4(program: BpfAssembler): void {
  program
    .load("u8", "r1", "r10", IP)
    .jumpIf("r1", "!=", 0x45, "number")
    .load("u16", "r1", "r10", IP + 6)
    .alu("and", "r1", FRAGMENT_BITS)
    .jumpIf("r1", "!=", 0, "number")
    .load("u8", "r1", "r10", IP + 8)
    .jumpIf("r1", "<=", 1, "number")
    .load("u8", "r7", "r10", IP + 9)
    .load("u32", "r1", "r10", IP);
  for (const at of [4, 8, 12, 16]) program.load("u32", "r2", "r10", IP + at).alu("add", "r1", "r2");
  for (const bits of [32, 16, 16]) fold(program, bits);
  program
    .jumpIf("r1", "!=", 0xffff, "number")
    .load("u16", "r1", "r10", IP + 2)
    .swap16("r1")
    .jumpIf("r1", "<", 24, "number");
}

/** A sum of words in r1, brought nearer to one of 16 bits (RFC 1071). */
function fold(program: BpfAssembler, bits: number): void {
  program.alu("mov", "r2", "r1").alu("rsh", "r2", bits);
  if (bits === 32) program.alu32("mov", "r1", "r1");
  else program.alu("and", "r1", 0xffff);
  program.alu("add", "r1", "r2");
}

function readIpv6(program: BpfAssembler): void {
  program
    .load("u8", "r1", "r10", IP)
    .alu("and", "r1", 0xf0)
    .jumpIf("r1", "!=", 0x60, "number")
    .load("u8", "r1", "r10", IP + 7)
    .jumpIf("r1", "<=", 1, "number")
    .load("u8", "r7", "r10", IP + 6)
    .load("u16", "r1", "r10", IP + 4)
    .swap16("r1")
    .jumpIf("r1", "<", 4, "number")
    .alu("add", "r1", IPV6.headerBytes);
}

/** The key's first words in r7, the places of the flow's sets on the stack; away if it is no flow, or longer than its frame. */
export function readKey(program: BpfAssembler, { port, layout }: FilterPlace, family: Family): void {
  const { name, headerBytes, bit, icmp, echo, addresses } = family;
  const setMask = layout.flows / (SET_BYTES / ROW_BYTES) - 1;
  program
    .jumpIf("r7", "=", TCP, `${name} flow`)
    .jumpIf("r7", "=", UDP, `${name} flow`)
    .jumpIf("r7", "!=", icmp, "number")
    .load("u8", "r2", "r10", IP + headerBytes)
    .jumpIf("r2", "=", echo[0], `${name} echo`)
    .jumpIf("r2", "!=", echo[1], "number")
    // It has no ports, and what is there is none of the flow.
    .label(`${name} echo`)
    .store("u32", "r10", IP + headerBytes, 0)
    .label(`${name} flow`)
    .load("u32", "r2", "r6", FRAME.length)
    .alu("sub", "r2", ETHERNET_HEADER_LENGTH)
    .jumpIf("r1", ">", "r2", "number")
    .alu("or", "r7", (port | bit) << 8)
    .load("u32", "r1", "r10", IP + headerBytes)
    .alu32("mov", "r0", layout.seed | 0);
  mix(program, "r7");
  for (const { size, header } of addresses) {
    for (let at = 0; at < (size === "u64" ? 8 : 4); at += 4) mix(program.load("u32", "r2", "r10", IP + header + at), "r2");
  }
  // Ports side by side.
  for (const at of [0, 2])
    program
      .load("u16", "r2", "r10", IP + headerBytes + at)
      .swap16("r2")
      .alu32("add", "r0", "r2");
  storeSet(program, STACK.firstSet, setMask);
  mix(program, "r1");
  storeSet(program.alu32("rsh", "r0", SECOND_SET_SHIFT), STACK.secondSet, setMask);
  program.alu("lsh", "r7", 48).alu("lsh", "r1", 16).alu("or", "r7", "r1");
}

const storeSet = (program: BpfAssembler, place: number, setMask: number): BpfAssembler =>
  program
    .alu("mov", "r2", "r0")
    .alu("and", "r2", setMask)
    .alu("lsh", "r2", Math.log2(SET_BYTES))
    .store("u64", "r10", place, "r2");

function mix(program: BpfAssembler, word: "r1" | "r2" | "r7"): void {
  program
    .alu32("xor", "r0", word)
    .alu32("mul", "r0", MIX.factor | 0)
    .alu32("mov", "r3", "r0")
    .alu32("rsh", "r3", MIX.shift)
    .alu32("xor", "r0", "r3");
}

/** The egress port's row in r3; away if the packet, or a segment of it, is too large for it, or it is gone. */
export function fitMtu(program: BpfAssembler, { map, layout }: FilterPlace, { name, headerBytes, bit }: Family): void {
  program
    .load("u8", "r1", "r9", ENTRY.egress)
    .alu("and", "r1", layout.ports - 1)
    .alu("lsh", "r1", Math.log2(ROW_BYTES))
    .mapValue("r3", map, layout.portRows)
    .alu("add", "r3", "r1")
    .store("u64", "r10", STACK.egressRow, "r3")
    .load("u32", "r1", "r6", FRAME.gsoSize)
    .jumpIf("r1", "!=", 0, `${name} segments`)
    .load("u16", "r1", "r10", IP + (bit === 0 ? 2 : 4))
    .swap16("r1")
    .alu("add", "r1", bit === 0 ? 0 : headerBytes)
    .jump(`${name} length`)
    .label(`${name} segments`)
    .alu("mov", "r1", "r7")
    .alu("rsh", "r1", 48)
    .alu("and", "r1", 0xff)
    .jumpIf("r1", "!=", TCP, `${name} waits`)
    .alu("mov", "r1", "r6")
    .alu("mov", "r2", ETHERNET_HEADER_LENGTH + headerBytes + 12)
    .alu("mov", "r3", "r10")
    .alu("add", "r3", STACK.tcpOffset)
    .alu("mov", "r4", 1)
    .call(HELPER.loadBytes)
    .jumpIf("r0", "!=", 0, `${name} waits`)
    .load("u8", "r1", "r10", STACK.tcpOffset)
    .alu("rsh", "r1", 4)
    .alu("lsh", "r1", 2)
    .load("u32", "r2", "r6", FRAME.gsoSize)
    .alu("add", "r1", "r2")
    .alu("add", "r1", headerBytes)
    .label(`${name} length`)
    .load("u64", "r3", "r10", STACK.egressRow)
    .load("u32", "r2", "r3", PORT_ROW.mtu)
    .jumpIf("r1", ">", "r2", `${name} waits`)
    .load("u32", "r1", "r3", PORT_ROW.interface)
    .jumpIf("r1", "=", 0, `${name} waits`);
}
