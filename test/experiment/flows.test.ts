import { describe, expect, it } from "vitest";
import { FLOW_COLUMNS, type FlowRecipe, generateFlows, parseFlowsCsv } from "#src/experiment/flows.ts";
import { parseAddress } from "#src/net/address.ts";
import { formatFlow, PROTOCOLS } from "#src/net/flow.ts";
import { type Prefix, parsePrefix, prefixContains } from "#src/net/prefix.ts";

const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
const RECIPE: FlowRecipe = {
  count: 500,
  seed: 42,
  sources: prefix("10.1.0.0/22"),
  destination: 0xc633640a,
  destinationPort: 80,
};

describe("generateFlows", () => {
  it("makes the same flows from the same seed, and others from another", () => {
    const flows = [...generateFlows(RECIPE)];
    expect(flows).toHaveLength(500);
    expect([...generateFlows(RECIPE)]).toEqual(flows);
    expect([...generateFlows({ ...RECIPE, seed: 43 })]).not.toEqual(flows);
    // Fixed for ever: written-down experiments rest on it.
    expect(flows.slice(0, 2).map(formatFlow)).toMatchInlineSnapshot(`
      [
        "tcp 10.1.0.24:3187 198.51.100.10:80",
        "tcp 10.1.0.31:46607 198.51.100.10:80",
      ]
    `);
  });

  it("draws sources from all of the prefix and client ports from 1024 up", () => {
    const flows = [...generateFlows({ ...RECIPE, count: 20_000 })];
    expect(flows.every(({ source }) => prefixContains(RECIPE.sources, source))).toBe(true);
    expect(new Set(flows.map(({ source }) => source)).size).toBe(1024);
    const ports = flows.map(({ sourcePort }) => sourcePort);
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024);
    expect(Math.max(...ports)).toBeLessThanOrEqual(65535);
    expect(Math.max(...ports) - Math.min(...ports)).toBeGreaterThan(64_000);
  });

  it("makes IPv6 flows from an IPv6 prefix, on any bit", () => {
    const sources = prefix("2001:db8:ffff:fffe::/63");
    const destination = parseAddress("2001:db8::10") as string;
    const flows = [...generateFlows({ ...RECIPE, sources, destination })];
    expect(flows.every(({ source }) => prefixContains(sources, source))).toBe(true);
    expect(new Set(flows.map(({ source }) => String(source).slice(0, 16)))).toEqual(
      new Set(["20010db8fffffffe", "20010db8ffffffff"]),
    );
    expect(new Set(flows.map(({ source }) => source)).size).toBe(500);
  });

  it("gives no ports to a protocol without them", () => {
    const [flow] = generateFlows({ ...RECIPE, protocol: PROTOCOLS.icmp });
    expect(flow).toMatchObject({ protocol: 1, sourcePort: 0, destinationPort: 0 });
  });

  it("makes none when asked for none", () => {
    expect([...generateFlows({ ...RECIPE, count: 0 })]).toEqual([]);
  });
});

describe("parseFlowsCsv", () => {
  const header = FLOW_COLUMNS.join();

  it("reads flows of both families, with and without ports", () => {
    const text = `${header}\ntcp,10.0.0.2,1000,192.0.2.1,80\r\nicmp,10.0.0.2,,192.0.2.1,\n\n 17 , 2001:db8::1 , 5 , 2001:db8::2 , 53\n`;
    const { flows, mistakes } = parseFlowsCsv(text);
    expect(mistakes).toEqual([]);
    expect(flows.map(formatFlow)).toEqual([
      "tcp 10.0.0.2:1000 192.0.2.1:80",
      "icmp 10.0.0.2 192.0.2.1",
      "udp [2001:db8::1]:5 [2001:db8::2]:53",
    ]);
  });

  it("goes by the names in the header, not by their order", () => {
    const { flows } = parseFlowsCsv("\ufeffdst,dstPort,src,srcPort,protocol\n192.0.2.1,80,10.0.0.2,1000,tcp");
    expect(flows.map(formatFlow)).toEqual(["tcp 10.0.0.2:1000 192.0.2.1:80"]);
  });

  it.each(["", "tcp,10.0.0.2,1000,192.0.2.1,80", "protocol,src,srcPort,dst", `${header},extra`])(
    "refuses the header %j",
    (line) => {
      expect(parseFlowsCsv(line)).toEqual({
        flows: [],
        mistakes: [{ where: "line 1", value: line, wanted: `the header ${header}` }],
      });
    },
  );

  it("tells every mistake with its place, its value and what was wanted", () => {
    const lines = [
      header,
      "tcp,10.0.0.2,1000,192.0.2.1,80",
      "tpc,10.0.0.256,65536,192.0.2.1,x",
      "tcp,10.0.0.2,,192.0.2.1,80",
      "icmp,10.0.0.2,8,192.0.2.1,",
      "tcp,10.0.0.2,1000,2001:db8::1,80",
      "tcp,10.0.0.2,1000,192.0.2.1",
    ];
    const { flows, mistakes } = parseFlowsCsv(lines.join("\n"));
    expect(flows).toEqual([]);
    expect(mistakes.map(({ where, value, wanted }) => `${where}: "${value}", wanted ${wanted}`)).toEqual([
      'line 3, protocol: "tpc", wanted a number to 255 or one of icmp, tcp, udp, gre, icmp6, sctp',
      'line 3, src: "10.0.0.256", wanted an address',
      'line 3, srcPort: "65536", wanted a port, 0 to 65535',
      'line 3, dstPort: "x", wanted a port, 0 to 65535',
      'line 4, srcPort: "", wanted a port, 0 to 65535',
      'line 5, srcPort: "8", wanted nothing: the protocol has no ports',
      'line 6, dst: "2001:db8::1", wanted an address of the family of 10.0.0.2',
      'line 7: "tcp,10.0.0.2,1000,192.0.2.1", wanted 5 columns',
    ]);
  });

  it("shows of what is no text only what a terminal can bear", () => {
    const [{ value }] = parseFlowsCsv(`\x1b[2J\0${"x".repeat(100_000)}`).mistakes;
    expect(value).toBe(`?[2J?${"x".repeat(75)}...`);
  });

  it("stops at the most mistakes that anybody wants to read", () => {
    const { mistakes } = parseFlowsCsv(`${header}\n${"x,x,x,x,x\n".repeat(100)}`, 7);
    expect(mistakes).toHaveLength(7);
  });
});
