/** Capture files for tests, written with Node's Buffer and nothing of the product. */
export interface TestRecord {
  readonly bytes: Uint8Array;
  /** More than there are bytes: the packet was cut. */
  readonly wireLength?: number;
  readonly timeHigh?: number;
  readonly timeLow?: number;
  readonly interface?: number;
  /** How a pcapng file has it. */
  readonly block?: "enhanced" | "simple" | "obsolete";
}

export interface PcapOptions {
  readonly bigEndian?: boolean;
  readonly nanoseconds?: boolean;
  readonly linkType?: number;
}

const writerOf = (bigEndian: boolean) => ({
  u16: (value: number): Buffer => {
    const bytes = Buffer.alloc(2);
    if (bigEndian) bytes.writeUInt16BE(value);
    else bytes.writeUInt16LE(value);
    return bytes;
  },
  u32: (value: number): Buffer => {
    const bytes = Buffer.alloc(4);
    if (bigEndian) bytes.writeUInt32BE(value);
    else bytes.writeUInt32LE(value);
    return bytes;
  },
});

export function makePcap(records: readonly TestRecord[], options: PcapOptions = {}): Buffer {
  const { bigEndian = false, nanoseconds = false, linkType = 1 } = options;
  const { u16, u32 } = writerOf(bigEndian);
  const header = [u32(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4), u16(2), u16(4), u32(0), u32(0), u32(262144), u32(linkType)];
  const bodies = records.flatMap(({ bytes, wireLength = bytes.length, timeHigh = 1, timeLow = 2 }) => [
    u32(timeHigh),
    u32(timeLow),
    u32(bytes.length),
    u32(wireLength),
    Buffer.from(bytes),
  ]);
  return Buffer.concat([...header, ...bodies]);
}

export interface PcapngOptions {
  readonly bigEndian?: boolean;
  readonly linkTypes?: readonly number[];
  /** Bytes of the options of each interface, an end of options included. */
  readonly interfaceOptions?: Uint8Array;
  readonly snapLength?: number;
}

/** One section; several of them are a file, too. */
export function makePcapng(records: readonly TestRecord[], options: PcapngOptions = {}): Buffer {
  const { bigEndian = false, linkTypes = [1], interfaceOptions = Buffer.alloc(0), snapLength = 0 } = options;
  const { u16, u32 } = writerOf(bigEndian);
  const block = (type: number, ...body: Uint8Array[]): Buffer => makeBlock(type, Buffer.concat(body), bigEndian);
  const section = block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(0), u32(0xffffffff), u32(0xffffffff));
  const interfaces = linkTypes.map((linkType) => block(1, u16(linkType), u16(0), u32(snapLength), interfaceOptions));
  const packets = records.map((record) => {
    const { bytes, wireLength = bytes.length, timeHigh = 1, timeLow = 2, interface: number = 0 } = record;
    const tail = [u32(timeHigh), u32(timeLow), u32(bytes.length), u32(wireLength), bytes];
    if (record.block === "simple") return block(3, u32(wireLength), bytes);
    if (record.block === "obsolete") return block(2, u16(number), u16(0), ...tail);
    return block(6, u32(number), ...tail);
  });
  return Buffer.concat([section, ...interfaces, ...packets]);
}

/** Any block: type and length around a body, which is padded. */
export function makeBlock(type: number, body: Uint8Array, bigEndian = false): Buffer {
  const { u32 } = writerOf(bigEndian);
  const padding = Buffer.alloc((4 - (body.length % 4)) % 4);
  const length = u32(12 + body.length + padding.length);
  return Buffer.concat([u32(type), length, body, padding, length]);
}
