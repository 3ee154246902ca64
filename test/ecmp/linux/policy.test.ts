import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFields, FIELD, type Fields, flowToFields } from "#src/ecmp/fields.ts";
import { compileFlowHash } from "#src/ecmp/flow-hash.ts";
import { createJhash2 } from "#src/ecmp/hash/jhash.ts";
import { createKey } from "#src/ecmp/key.ts";
import { createHeaders, flowToHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash, LINUX_FIELD, type LinuxHashOptions } from "#src/ecmp/linux/policy.ts";
import { addressToBytes } from "#src/net/address.ts";
import { type Flow, parseFlow } from "#src/net/flow.ts";
import { slowFlowHash, slowStructHash } from "../../oracle/linux.ts";

const port = fc.integer({ min: 0, max: 65535 });
const address4 = fc.integer({ min: 0, max: 0xffffffff });
const address6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const flows: fc.Arbitrary<Flow> = fc
  .oneof(fc.tuple(address4, address4), fc.tuple(address6, address6))
  .chain(([source, destination]) =>
    fc.record({
      protocol: fc.constantFrom(6, 17),
      source: fc.constant(source),
      destination: fc.constant(destination),
      sourcePort: port,
      destinationPort: port,
    }),
  );
const seeds = fc.integer({ min: 1, max: 0xffffffff });
const label = fc.integer({ min: 0, max: 0xfffff });
const hashOf = (options: LinuxHashOptions, flow: Flow, flowLabel = 0): number =>
  createLinuxHash(options)(flowToHeaders(flow, createHeaders(), flowLabel));
const bytesOf = (word: number): number[] => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];

describe("the multipath hash of Linux", () => {
  it("agrees with the slow twin under policies 0, 1 and 2, both families", () => {
    fc.assert(
      fc.property(flows, seeds, label, (flow, seed, flowLabel) => {
        const isIpv4 = typeof flow.source === "number";
        const addresses = { source: addressToBytes(flow.source), destination: addressToBytes(flow.destination) };
        const layer3 = { ...addresses, protocol: isIpv4 ? 0 : flow.protocol, sourcePort: 0, destinationPort: 0 };
        const networkOrder = Uint8Array.from(isIpv4 ? [] : bytesOf(flowLabel));
        const hostOrder = networkOrder.slice().reverse();
        expect(hashOf({ policy: 0, seed }, flow, flowLabel)).toBe(
          slowFlowHash({ ...layer3, flowLabel: networkOrder }, seed) >>> 1,
        );
        expect(hashOf({ policy: 2, seed }, flow, flowLabel)).toBe(slowFlowHash({ ...layer3, flowLabel: hostOrder }, seed) >>> 1);
        const layer4 = { ...flow, ...addresses, flowLabel: new Uint8Array(0) };
        expect(hashOf({ policy: 1, seed }, flow, flowLabel)).toBe(slowFlowHash(layer4, seed) >>> 1);
      }),
    );
  });

  it("is the same for both directions of a flow, and for ports exchanged alone", () => {
    fc.assert(
      fc.property(flows, seeds, fc.integer({ min: 0, max: 0xfff }), (flow, seed, fields) => {
        const back = { ...flow, source: flow.destination, destination: flow.source };
        const turned = { ...flow, sourcePort: flow.destinationPort, destinationPort: flow.sourcePort };
        for (const policy of [0, 1, 2] as const) {
          expect(hashOf({ policy, seed }, back)).toBe(hashOf({ policy, seed }, flow));
          expect(hashOf({ policy, seed }, turned)).toBe(hashOf({ policy, seed }, flow));
        }
        const whole = fields | LINUX_FIELD.source | LINUX_FIELD.destination;
        expect(hashOf({ policy: 3, seed, fields: whole }, back)).toBe(hashOf({ policy: 3, seed, fields: whole }, flow));
      }),
    );
  });

  it("gives 31 bits, and the top one is used", () => {
    const answers = fc.sample(flows, { numRuns: 100, seed: 1 }).map((flow) => hashOf({ policy: 1, seed: 7 }, flow));
    expect(Math.max(...answers)).toBeLessThan(2 ** 31);
    expect(Math.max(...answers)).toBeGreaterThanOrEqual(2 ** 30);
  });

  it("keeps what a kernel answered: hashes that the route tests have shown equal", () => {
    const ipv4 = parseFlow("tcp 10.9.1.7:40000 198.51.100.10:80") as Flow;
    const ipv6 = parseFlow("udp [2001:db8::7]:5353 [2001:db8:1::9]:53") as Flow;
    const answers = [ipv4, ipv6].map((flow) =>
      (
        [
          { policy: 0 },
          { policy: 1 },
          { policy: 2 },
          { policy: 3 },
          { policy: 3, fields: 0x37 },
          { policy: 3, fields: 0x8 },
        ] as const
      ).map((options) => hashOf({ ...options, seed: 12345 }, flow, 0xabcde)),
    );
    expect(answers).toMatchInlineSnapshot(`
      [
        [
          136100678,
          1604281366,
          136100678,
          466416708,
          884184040,
          784222981,
        ],
        [
          742631419,
          103854249,
          1076014567,
          2018814542,
          932222072,
          1142117867,
        ],
      ]
    `);
  });

  it("leaves the last mixing step of policy 3 out for the machine's own packets", () => {
    const flow = parseFlow("tcp 10.9.1.7:40000 198.51.100.10:80") as Flow;
    const fields = 0x37;
    const forwarded = hashOf({ policy: 3, fields, seed: 5 }, flow);
    expect(forwarded).toBe(createJhash2(0)(Uint32Array.of(slowFiveTuple(flow, 5), 0), 2) >>> 1);
    expect(hashOf({ policy: 3, fields, seed: 5, origin: "local" }, flow)).toBe(slowFiveTuple(flow, 5) >>> 1);
  });
  const slowFiveTuple = (flow: Flow, seed: number): number =>
    slowFlowHash(
      {
        ...flow,
        source: addressToBytes(flow.source),
        destination: addressToBytes(flow.destination),
        flowLabel: new Uint8Array(0),
      },
      seed,
    );

  it("takes a draw of the socket's instead, of TCP under policy 1 alone, where it is told to", () => {
    const there = parseFlow("tcp 10.9.1.7:40000 198.51.100.10:80") as Flow;
    const back = parseFlow("tcp 198.51.100.10:80 10.9.1.7:40000") as Flow;
    const drawn = (flow: Flow, socketHash: number) => hashOf({ policy: 1, seed: 5, socketHash }, flow);
    const draws = Array.from({ length: 40 }, (_, i) => drawn(there, i));
    expect(draws).toEqual(Array.from({ length: 40 }, (_, i) => drawn(there, i)));
    // The same 5-tuple, connected forty times: each time as likely here as there.
    expect(new Set(draws).size).toBe(40);
    const lower = draws.filter((hash) => hash < 2 ** 30).length;
    expect(Math.abs(lower - 20)).toBeLessThan(13);
    // Each end sends by its own socket's number.
    expect(drawn(back, 3)).not.toBe(drawn(there, 3));
    expect(hashOf({ policy: 1, seed: 5 }, back)).toBe(hashOf({ policy: 1, seed: 5 }, there));
    const datagram = { ...there, protocol: 17 };
    expect(drawn(datagram, 3)).toBe(hashOf({ policy: 1, seed: 5 }, datagram));
    const custom = { policy: 3, fields: 0x37, seed: 5 } as const;
    expect(hashOf({ ...custom, socketHash: 3 }, there)).toBe(hashOf(custom, there));
  });

  it("shows the bytes that were hashed: from them alone comes the hash", () => {
    const policies = fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const);
    const inner = fc.option(flows, { nil: undefined });
    fc.assert(
      fc.property(
        policies,
        fc.integer({ min: 0, max: 0xfff }),
        flows,
        inner,
        label,
        seeds,
        (policy, mask, outer, within, label, seed) => {
          const fields = within ? encapsulate(outer, within) : flowToFields(outer, createFields());
          fields[FIELD.flowLabel] = label;
          const linux = { policy, ...(policy === 3 ? { fields: mask } : {}) };
          const { writeKey, hashFields } = compileFlowHash({ algorithm: "linux", fields: ["5-tuple"], seed, linux }, undefined);
          const key = createKey();
          const left = [...key.bytes.subarray(0, writeKey(fields, key))];
          const take = ({ source }: Flow): number => slowStructHash(left.splice(0, typeof source === "number" ? 48 : 72), seed);
          let hash: number;
          if (policy < 3) hash = take(policy === 2 && within ? within : outer);
          else hash = createJhash2(0)(Uint32Array.of(mask & 0x3f ? take(outer) : 0, mask >>> 6 && within ? take(within) : 0), 2);
          expect(left).toEqual([]);
          expect(hashFields(fields)).toBe(hash >>> 1);
        },
      ),
    );
  });
});

function encapsulate(outer: Flow, inner: Flow): Fields {
  const [fields, within] = [outer, inner].map((flow) => flowToFields(flow, createFields()));
  fields[FIELD.innerFamily] = within[FIELD.family];
  fields[FIELD.innerProtocol] = within[FIELD.protocol];
  fields[FIELD.innerSourcePort] = within[FIELD.sourcePort];
  fields[FIELD.innerDestinationPort] = within[FIELD.destinationPort];
  for (let i = 0; i < 4; i++) {
    fields[FIELD.innerSource + i] = within[FIELD.source + i];
    fields[FIELD.innerDestination + i] = within[FIELD.destination + i];
  }
  return fields;
}
