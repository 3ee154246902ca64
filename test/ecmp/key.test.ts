import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFields, FIELD, FIELD_WORDS, type Fields, flowToFields } from "#src/ecmp/fields.ts";
import {
  compileKey,
  createKey,
  END_PAIRS,
  expandFieldNames,
  FIELD_ALIASES,
  FIELD_NAMES,
  type FieldName,
  formatKey,
} from "#src/ecmp/key.ts";
import { addressToBytes } from "#src/net/address.ts";
import { type Flow, parseFlow } from "#src/net/flow.ts";

function writeKey(names: readonly string[], flow: Flow): string {
  const key = createKey();
  key.bytes.fill(0xa5);
  const length = compileKey(names)(flowToFields(flow, createFields()), key);
  return formatKey(key, length);
}

const flow4 = parseFlow("tcp 10.1.2.3:4660 192.0.2.254:80") as Flow;
const flow6 = parseFlow("udp [2001:db8::1]:4660 [2001:db8:0:1:2:3:4:5]:53") as Flow;

describe("a key", () => {
  it("of the IPv4 5-tuple has 13 bytes", () => {
    expect(writeKey(["5-tuple"], flow4)).toBe(`0a010203${"c00002fe"}${"06"}${"1234"}${"0050"}`);
  });

  it("of the IPv4 3-tuple has 9 bytes", () => {
    expect(writeKey(["3-tuple"], flow4)).toBe(`0a010203${"c00002fe"}${"06"}`);
  });

  it("of the IPv6 5-tuple has 37 bytes, of the 3-tuple 33", () => {
    const addresses = `20010db8000000000000000000000001${"20010db8000000010002000300040005"}`;
    expect(writeKey(["5-tuple"], flow6)).toBe(`${addresses}11${"1234"}${"0035"}`);
    expect(writeKey(["3-tuple"], flow6)).toBe(`${addresses}11`);
  });

  it("has its fields in the order of their names", () => {
    expect(writeKey(["destination-port", "protocol", "source-address"], flow4)).toBe("0050060a010203");
    expect(writeKey(["source-port", "3-tuple"], flow4)).toBe("12340a010203c00002fe06");
  });

  it("has zeros for the ports of a protocol without any", () => {
    expect(writeKey(["5-tuple"], parseFlow("icmp 10.1.2.3 192.0.2.254") as Flow)).toBe("0a010203c00002fe0100000000");
  });

  it("is the fields' bytes one after the other, for every list of fields, over IPv4 and IPv6", () => {
    const ipv4 = fc.integer({ min: 0, max: 0xffffffff });
    const ipv6 = fc.stringMatching(/^[0-9a-f]{32}$/);
    const port = fc.integer({ min: 0, max: 65535 });
    const flows = fc.oneof(...[ipv4, ipv6].map((address) => fc.tuple(address, address)));
    const lists = fc.oneof(
      fc.shuffledSubarray([...FIELD_NAMES], { minLength: 1 }),
      fc.constantFrom(...Object.keys(FIELD_ALIASES)).map((alias) => [...FIELD_ALIASES[alias]]),
    );
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const rest = fc.array(word, { minLength: FIELD_WORDS, maxLength: FIELD_WORDS });
    fc.assert(
      fc.property(
        lists,
        flows,
        fc.integer({ min: 0, max: 255 }),
        port,
        port,
        rest,
        (names, [source, destination], protocol, sport, dport, more) => {
          const flow: Flow = { source, destination, protocol, sourcePort: sport, destinationPort: dport };
          const fields = flowToFields(flow, createFields());
          for (let i = FIELD.dscp; i < FIELD_WORDS; i++) fields[i] = more[i];
          const low = (at: number, count: number): number[] =>
            [24, 16, 8, 0].slice(4 - count).map((shift) => (fields[at] >>> shift) & 255);
          const four = (at: number): number[] => [0, 1, 2, 3].flatMap((i) => low(at + i, 4));
          const bytes: Record<FieldName, number[]> = {
            "source-address": [...addressToBytes(source)],
            "destination-address": [...addressToBytes(destination)],
            protocol: [protocol],
            "source-port": [sport >> 8, sport & 255],
            "destination-port": [dport >> 8, dport & 255],
            dscp: low(FIELD.dscp, 1),
            "flow-label": low(FIELD.flowLabel, 3),
            "vlan-id": low(FIELD.vlanId, 2),
            ethertype: low(FIELD.ethertype, 2),
            "ingress-port": low(FIELD.ingressPort, 2),
            "source-mac": [...low(FIELD.sourceMac, 2), ...low(FIELD.sourceMac + 1, 4)],
            "destination-mac": [...low(FIELD.destinationMac, 2), ...low(FIELD.destinationMac + 1, 4)],
            "inner-source-address": four(FIELD.innerSource),
            "inner-destination-address": four(FIELD.innerDestination),
            "inner-protocol": low(FIELD.innerProtocol, 1),
            "inner-source-port": low(FIELD.innerSourcePort, 2),
            "inner-destination-port": low(FIELD.innerDestinationPort, 2),
            "inner-flow-label": low(FIELD.innerFlowLabel, 3),
          };
          const key = createKey();
          key.bytes.fill(0xa5);
          const length = compileKey(names)(fields, key);
          expect(formatKey(key, length)).toBe(Buffer.from(names.flatMap((name) => bytes[name as FieldName])).toString("hex"));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("a mask", () => {
  const key = createKey();
  const masked = (family: 4 | 6, inside: 0 | 4 | 6): string => {
    const fields = createFields().fill(0xffffffff);
    fields[FIELD.family] = family;
    fields[FIELD.innerFamily] = inside;
    const masks = { "source-address": { ipv4: 20, ipv6: 57 }, "inner-destination-address": { ipv4: 9, ipv6: 96 } };
    const write = compileKey(["source-address", "inner-destination-address"], { masks });
    return formatKey(key, write(fields, key));
  };

  it("counts by the family of its own address, outside and inside", () => {
    expect(masked(4, 6)).toBe(`fffff000${"f".repeat(24)}00000000`);
    expect(masked(6, 4)).toBe(`${"f".repeat(14)}80${"0".repeat(16)}ff800000${"0".repeat(24)}`);
  });

  it("leaves the family alone that it does not name", () => {
    const write = compileKey(["source-address"], { masks: { "source-address": { ipv6: 0 } } });
    const fields = createFields().fill(0xffffffff);
    fields[FIELD.family] = 4;
    expect(formatKey(key, write(fields, key))).toBe("ffffffff");
  });
});

describe("a symmetric key", () => {
  const PAIRS = [
    [FIELD.source, FIELD.destination, 4],
    [FIELD.sourcePort, FIELD.destinationPort, 1],
    [FIELD.innerSource, FIELD.innerDestination, 4],
    [FIELD.innerSourcePort, FIELD.innerDestinationPort, 1],
  ] as const;
  /** What the answer to a packet carries, inside and out. */
  const answered = (fields: Fields): Fields => {
    const answer = fields.slice();
    for (const [from, to, words] of PAIRS) {
      answer.set(fields.subarray(from, from + words), to);
      answer.set(fields.subarray(to, to + words), from);
    }
    return answer;
  };
  const ends = END_PAIRS.flat();
  const others = ["protocol", "dscp", "vlan-id", "ethertype", "ingress-port", "inner-protocol"] as const;
  const lists = fc
    .tuple(fc.subarray([...END_PAIRS], { minLength: 1 }), fc.subarray([...others]))
    .chain(([pairs, more]) => fc.shuffledSubarray([...pairs.flat(), ...more], { minLength: 2 * pairs.length + more.length }));
  // Few different numbers, so that addresses are often the same and ports decide.
  const words = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: FIELD_WORDS, maxLength: FIELD_WORDS });
  const rows = fc.tuple(fc.constantFrom(4, 6), fc.constantFrom(0, 4, 6), words).map(([family, inside, row]) => {
    const fields = createFields();
    fields.set(row);
    fields[FIELD.family] = family;
    fields[FIELD.innerFamily] = inside;
    return fields;
  });
  const keyOf = (names: readonly string[], fields: Fields, symmetric: boolean): string => {
    const key = createKey();
    return formatKey(key, compileKey(names, { symmetric })(fields, key));
  };

  it("is one for both directions of a flow, of either family, inside a tunnel too, whatever the list", () => {
    fc.assert(
      fc.property(lists, rows, (names, fields) => {
        expect(keyOf(names, answered(fields), true)).toBe(keyOf(names, fields, true));
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps addresses and ports together: it is the key of one direction or the other", () => {
    fc.assert(
      fc.property(rows, (fields) => {
        const outer = ends.slice(0, 4);
        const both = [keyOf(outer, fields, false), keyOf(outer, answered(fields), false)];
        expect(both).toContain(keyOf(outer, fields, true));
      }),
    );
  });
});

describe("a list of field names", () => {
  it("may use aliases", () => {
    expect(expandFieldNames(["3-tuple", "source-port"])).toEqual([...FIELD_ALIASES["3-tuple"], "source-port"]);
  });

  it.each([
    [[], "no fields"],
    [["source-adress"], '"source-adress"'],
    [["constructor"], '"constructor"'],
    [["5-tuple", "protocol"], '"protocol" is there twice'],
  ])("is refused as %j", (names, complaint) => {
    expect(() => compileKey(names)).toThrow(complaint);
  });
});
