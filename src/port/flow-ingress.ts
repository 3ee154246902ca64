/**
 * The program at an interface's ingress: what the filter has left for it (`flow-filter.ts`) it puts into the frame, counts, and sends the
 * frame on. Over a veth to another namespace that goes without a queue: the frame is at the other end at once.
 */
import { ETHERNET_HEADER_LENGTH } from "../wire/ethernet.ts";
import { BpfAssembler, FRAME, HELPER } from "./bpf-assembler.ts";
import { type FlowLayout, HOP_BYTES, PORT_COUNTS, PROCESSOR_ROW, ROW_BYTES } from "./flow-layout.ts";

const TCX_NEXT = -1;
const TCX_DROP = 2;
const RECOMPUTE_CHECKSUM = 1;

export interface IngressPlace {
  readonly map: number;
  readonly layout: FlowLayout;
  readonly port: number;
}

/** Of the interface of `port`. */
export function assembleIngress({ map, layout, port }: IngressPlace): Uint8Array {
  const program = new BpfAssembler()
    .alu("mov", "r6", "r1")
    .call(HELPER.processorId)
    .jumpIf("r0", ">=", layout.processors, "not ours")
    .alu("mul", "r0", layout.processorBytes)
    .mapValue("r7", map, layout.processorRows)
    .alu("add", "r7", "r0")
    .load("u32", "r8", "r7", PROCESSOR_ROW.family)
    .jumpIf("r8", "=", 0, "not ours")
    .store("u32", "r7", PROCESSOR_ROW.family, 0)
    .jumpIf("r8", "=", 6, "ipv6");
  // Of IPv4 the sum over the header stays what it is.
  storeBytes(program, 0, ETHERNET_HEADER_LENGTH + 12, 0);
  program.jump("stored").label("ipv6");
  storeBytes(program, 0, ETHERNET_HEADER_LENGTH, 0);
  program.jumpIf("r0", "!=", 0, "stored");
  storeBytes(program, ETHERNET_HEADER_LENGTH + 6, 2, RECOMPUTE_CHECKSUM);
  program.label("stored").jumpIf("r0", "!=", 0, "refused").load("u32", "r4", "r6", FRAME.length);
  const ports = PROCESSOR_ROW.ports;
  count(program, "r7", ports + port * ROW_BYTES + PORT_COUNTS.receivedFrames);
  program
    .load("u8", "r1", "r7", PROCESSOR_ROW.egress)
    .alu("and", "r1", layout.ports - 1)
    .alu("lsh", "r1", Math.log2(ROW_BYTES))
    .alu("mov", "r2", "r7")
    .alu("add", "r2", "r1");
  count(program, "r2", ports + PORT_COUNTS.sentFrames);
  program
    .load("u16", "r1", "r7", PROCESSOR_ROW.nextHop)
    .alu("and", "r1", layout.nextHops - 1)
    .alu("lsh", "r1", Math.log2(HOP_BYTES))
    .alu("mov", "r2", "r7")
    .alu("add", "r2", "r1");
  count(program, "r2", layout.hopCounts);
  return program
    .load("u32", "r1", "r7", PROCESSOR_ROW.interface)
    .alu("mov", "r2", 0)
    .load("u8", "r3", "r7", PROCESSOR_ROW.isAcross)
    .jumpIf("r3", "!=", 0, "across")
    .call(HELPER.redirect)
    .exit()
    .label("across")
    .call(HELPER.redirectPeer)
    .exit()
    .label("refused")
    .load("u64", "r1", "r7", PROCESSOR_ROW.refused)
    .alu("add", "r1", 1)
    .store("u64", "r7", PROCESSOR_ROW.refused, "r1")
    .alu("mov", "r0", TCX_DROP)
    .exit()
    .label("not ours")
    .alu("mov", "r0", TCX_NEXT)
    .exit()
    .assemble();
}

/** From the same place of the processor's row; r0 is 0 if it went well. */
function storeBytes(program: BpfAssembler, at: number, bytes: number, flags: number): void {
  program
    .alu("mov", "r1", "r6")
    .alu("mov", "r2", at)
    .alu("mov", "r3", "r7")
    .alu("add", "r3", PROCESSOR_ROW.frame + at)
    .alu("mov", "r4", bytes)
    .alu("mov", "r5", flags)
    .call(HELPER.storeBytes);
}

/** The frame of r4 bytes: one more there, and so many bytes more behind. */
function count(program: BpfAssembler, base: "r2" | "r7", at: number): void {
  program.load("u64", "r3", base, at).alu("add", "r3", 1).store("u64", base, at, "r3");
  program
    .load("u64", "r3", base, at + 8)
    .alu("add", "r3", "r4")
    .store("u64", base, at + 8, "r3");
}
