/**
 * The filter of a worker's ring, by which the kernel carries flows that a worker has entered (`flow-layout.ts`). It sees every frame first:
 * what is carried it leaves out of the ring, with the beginning of the frame as it is to leave in its processor's row, where the
 * ingress program (`flow-ingress.ts`) finds it; what it lets through it numbers. The ingress program runs next, on the same processor and
 * with nothing between. So there is one decision for each frame, and none is both in a ring and on its way. It leaves nothing where no ingress
 * program will look, and clears the row first: what somebody took away before that program came to it is none of the next frame.
 *
 * What it is not sure of goes to the ring: other protocols than TCP, UDP and echo, options, fragments, tags, a TTL of 1, a wrong
 * checksum, a length that contradicts the frame, what is too large for its egress, segments of UDP (which may be a tunnel's).
 *
 * A flow that waits behind a ring that overflows would wait for ever, were it let into that: what comes of it meanwhile is dropped, and
 * counted, and when its last frame is through it is carried.
 *
 * Registers: r6 the frame, r7 ports and meta (shifted by 16), r8 the generation, r9 the set, later the entry.
 */
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { BpfAssembler, FRAME, HELPER } from "./bpf-assembler.ts";
import { type Family, type FilterPlace, fitMtu, IPV4, IPV6, loadHeader, readKey, STACK } from "./flow-headers.ts";
import { CONTROL, ENTRY, LANE_ROW, PORT_ROW, PROCESSOR_ROW, ROW_BYTES, SET_BYTES } from "./flow-layout.ts";

const PACKET_HOST = 0;
const PACKET_OUTGOING = 4;
/** Network order, read by a little-endian machine. */
const PROTOCOL_IPV4 = 0x0008;
const PROTOCOL_IPV6 = 0xdd86;
const LET_THROUGH = -1;
const LEAVE_OUT = 0;
/** Beside the lane, in the same byte: nothing of the flow is let into the ring before its last frame there is through. */
const DRAINS = 0x80;
/** However it goes, no longer. */
const MOST_SECONDS = 1;

/** Of the ring that is `lane` at `port`. */
export function assembleFilter(place: FilterPlace): Uint8Array {
  const { map, layout, port } = place;
  const program = new BpfAssembler()
    .alu("mov", "r6", "r1")
    .load("u32", "r0", "r6", FRAME.packetType)
    .jumpIf("r0", "=", PACKET_OUTGOING, "leave out")
    .call(HELPER.processorId)
    .jumpIf("r0", ">=", layout.processors, "number")
    .alu("mul", "r0", layout.processorBytes)
    .mapValue("r1", map, layout.processorRows)
    .alu("add", "r1", "r0")
    .store("u64", "r10", STACK.row, "r1")
    .store("u32", "r1", PROCESSOR_ROW.family, 0)
    .mapValue("r1", map, layout.portRows + port * ROW_BYTES)
    .load("u32", "r1", "r1", PORT_ROW.interface)
    .load("u32", "r0", "r6", FRAME.interface)
    .jumpIf("r0", "!=", "r1", "number")
    .load("u32", "r0", "r6", FRAME.packetType)
    .jumpIf("r0", "!=", PACKET_HOST, "number")
    .load("u32", "r0", "r6", FRAME.vlanPresent)
    .jumpIf("r0", "!=", 0, "number")
    .mapValue("r1", map, CONTROL.generation)
    .load("u32", "r8", "r1", 0)
    .jumpIf("r8", "=", 0, "number")
    .load("u32", "r0", "r6", FRAME.protocol)
    .jumpIf("r0", "=", PROTOCOL_IPV4, "ipv4")
    .jumpIf("r0", "=", PROTOCOL_IPV6, "ipv6")
    .jump("number");
  addFamily(program, place, IPV4);
  addFamily(program, place, IPV6);
  addNumber(program.label("number"), place);
  return program
    .label("let through")
    .alu("mov", "r0", LET_THROUGH)
    .exit()
    .label("overflow")
    .mapValue("r1", map, laneRow(place))
    .alu("mov", "r0", 1)
    .fetchAdd("u32", "r1", LANE_ROW.leftOut, "r0")
    .label("leave out")
    .alu("mov", "r0", LEAVE_OUT)
    .exit()
    .assemble();
}

function addFamily(program: BpfAssembler, place: FilterPlace, family: Family): void {
  const { map, lane } = place;
  const { name, read } = family;
  program.label(name);
  loadHeader(program, family);
  read(program);
  readKey(program, place, family);
  probe(program, place, family, `${name} found`, "first");
  // Once more when it has its number: who enters the flow meanwhile reads either that or us.
  addNumber(program, place);
  program.store("u32", "r10", STACK.number, "r0");
  probe(program, place, family, `${name} is behind`, "second");
  program.jump("let through");

  program
    .label(`${name} found`)
    .load("u8", "r1", "r9", ENTRY.lane)
    .alu("and", "r1", ~DRAINS & 0xff)
    .jumpIf("r1", "!=", lane, `${name} waits`)
    .load("u32", "r1", "r9", ENTRY.after)
    .mapValue("r2", map, laneRow(place))
    .load("u32", "r3", "r2", LANE_ROW.passed)
    .load("u32", "r2", "r2", LANE_ROW.done)
    .alu32("sub", "r1", "r2")
    .alu32("sub", "r3", "r2")
    .jumpIf32("r1", "signed >", 0, `${name} queues`);
  fitMtu(program, place, family);
  leaveForIngress(program, place, family);

  program
    .label(`${name} queues`)
    .mapValue("r1", map, CONTROL.seconds)
    .load("u16", "r1", "r1", 0)
    .load("u8", "r2", "r9", ENTRY.lane)
    .jumpIf("r2", "!=", lane, `${name} drains`)
    .jumpIf32("r3", "signed <=", place.layout.ringSlots, `${name} waits`)
    .store("u8", "r9", ENTRY.lane, lane | DRAINS)
    .store("u16", "r9", ENTRY.used, "r1")
    .jump("overflow")
    .label(`${name} drains`)
    .load("u16", "r2", "r9", ENTRY.used)
    .alu("sub", "r1", "r2")
    .alu("and", "r1", 0xffff)
    .jumpIf("r1", "<=", MOST_SECONDS, "overflow");
  addNumber(program.label(`${name} waits`), place);
  program
    .store("u32", "r10", STACK.number, "r0")
    .label(`${name} is behind`)
    .load("u32", "r0", "r10", STACK.number)
    .store("u32", "r9", ENTRY.after, "r0")
    .store("u8", "r9", ENTRY.lane, lane)
    .jump("let through");
}

const laneRow = ({ layout, port, lane }: FilterPlace): number => layout.laneRows + (port * layout.lanes + lane) * ROW_BYTES;

/** The frame's number in r0. */
function addNumber(program: BpfAssembler, place: FilterPlace): void {
  program
    .mapValue("r1", place.map, laneRow(place))
    .alu("mov", "r0", 1)
    .fetchAdd("u32", "r1", LANE_ROW.passed, "r0")
    .alu32("add", "r0", 1);
}

/** To `found` with the entry in r9, or on. */
function probe(program: BpfAssembler, { map, layout }: FilterPlace, family: Family, found: string, turn: string): void {
  for (const set of [STACK.firstSet, STACK.secondSet]) {
    program.mapValue("r9", map, layout.sets).load("u64", "r1", "r10", set).alu("add", "r9", "r1");
    for (let entry = 0; entry < SET_BYTES; entry += ROW_BYTES) {
      const next = `${family.name} ${turn} ${set} ${entry}`;
      compare(program, family, entry, next);
      program.alu("add", "r9", entry).jump(found).label(next);
    }
  }
}

function compare(program: BpfAssembler, { addresses }: Family, entry: number, unequal: string): void {
  program
    .load("u32", "r1", "r9", entry + ENTRY.generation)
    .jumpIf("r1", "!=", "r8", unequal)
    .load("u64", "r1", "r9", entry + ENTRY.ports)
    .alu("lsh", "r1", 16)
    .jumpIf("r1", "!=", "r7", unequal);
  for (const { size, entry: at, header } of addresses)
    program
      .load(size, "r1", "r9", entry + at)
      .load(size, "r2", "r10", STACK.ip + header)
      .jumpIf("r1", "!=", "r2", unequal);
}

function leaveForIngress(program: BpfAssembler, place: FilterPlace, family: Family): void {
  const { map } = place;
  const { name, bit } = family;
  program
    .mapValue("r1", map, CONTROL.seconds)
    .load("u16", "r1", "r1", 0)
    .load("u16", "r2", "r9", ENTRY.used)
    .jumpIf("r1", "=", "r2", `${name} used`)
    .store("u16", "r9", ENTRY.used, "r1")
    .label(`${name} used`)
    .load("u64", "r4", "r10", STACK.row)
    .load("u64", "r3", "r10", STACK.egressRow)
    .load("u32", "r1", "r3", PORT_ROW.interface)
    .store("u32", "r4", PROCESSOR_ROW.interface, "r1")
    .load("u8", "r1", "r3", PORT_ROW.isAcross)
    .store("u8", "r4", PROCESSOR_ROW.isAcross, "r1");
  for (const at of [0, 4, 8]) program.load("u32", "r1", "r9", ENTRY.macs + at).store("u32", "r4", PROCESSOR_ROW.frame + at, "r1");
  program
    .load("u8", "r1", "r9", ENTRY.egress)
    .store("u8", "r4", PROCESSOR_ROW.egress, "r1")
    .load("u16", "r1", "r9", ENTRY.nextHop)
    .store("u16", "r4", PROCESSOR_ROW.nextHop, "r1")
    .store("u16", "r4", PROCESSOR_ROW.frame + 12, bit === 0 ? PROTOCOL_IPV4 : PROTOCOL_IPV6);
  for (const at of [0, 4, 8])
    program.load("u32", "r1", "r10", STACK.ip + at).store("u32", "r4", PROCESSOR_ROW.frame + ETHERNET_HEADER_LENGTH + at, "r1");
  countHop(program, family);
  // What was copied is of this flow if the entry is so still, and was read before that is asked: on x86 it was.
  if (process.arch !== "x64") program.alu("mov", "r1", 0).fetchAdd("u32", "r9", ENTRY.macs + 8, "r1");
  compare(program, family, 0, "number");
  program.store("u32", "r4", PROCESSOR_ROW.family, bit === 0 ? 4 : 6).jump("leave out");
}

/** One hop fewer; of IPv4 with the checksum that follows (RFC 1624): 0x0100 less there is as much more here, with end-around carry. */
function countHop(program: BpfAssembler, { bit }: Family): void {
  const at = PROCESSOR_ROW.frame + ETHERNET_HEADER_LENGTH;
  if (bit !== 0) {
    program
      .load("u8", "r1", "r10", STACK.ip + 7)
      .alu("sub", "r1", 1)
      .store("u8", "r4", at + 7, "r1");
    return;
  }
  program
    .load("u8", "r1", "r10", STACK.ip + 8)
    .alu("sub", "r1", 1)
    .store("u8", "r4", at + 8, "r1")
    .load("u16", "r1", "r10", STACK.ip + 10)
    .alu("add", "r1", 1)
    .jumpIf("r1", "<", 0xffff, "ipv4 checksum")
    .alu("add", "r1", 1)
    .label("ipv4 checksum")
    .store("u16", "r4", at + 10, "r1");
}
