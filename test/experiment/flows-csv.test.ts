import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createFlowCsv, FLOW_COLUMNS } from "#src/experiment/flows-csv.ts";
import { formatFlow } from "#src/net/flow.ts";

function parseAll(pieces: readonly string[], maximumMistakes?: number) {
  const csv = createFlowCsv(maximumMistakes);
  const flows = pieces.flatMap((text) => csv.read(text));
  return { flows: [...flows, ...csv.end()], mistakes: csv.mistakes };
}
const parse = (text: string, maximumMistakes?: number) => parseAll([text], maximumMistakes);

describe("flows from CSV", () => {
  const header = FLOW_COLUMNS.join();

  it("reads flows of both families, with and without ports", () => {
    const text = `${header}\ntcp,10.0.0.2,1000,192.0.2.1,80\r\nicmp,10.0.0.2,,192.0.2.1,\n\n 17 , 2001:db8::1 , 5 , 2001:db8::2 , 53\n`;
    const { flows, mistakes } = parse(text);
    expect(mistakes).toEqual([]);
    expect(flows.map(formatFlow)).toEqual([
      "tcp 10.0.0.2:1000 192.0.2.1:80",
      "icmp 10.0.0.2 192.0.2.1",
      "udp [2001:db8::1]:5 [2001:db8::2]:53",
    ]);
  });

  it("goes by the names in the header, not by their order", () => {
    const { flows } = parse("\ufeffdst,dstPort,src,srcPort,protocol\n192.0.2.1,80,10.0.0.2,1000,tcp");
    expect(flows.map(formatFlow)).toEqual(["tcp 10.0.0.2:1000 192.0.2.1:80"]);
  });

  it.each(["", "tcp,10.0.0.2,1000,192.0.2.1,80", "protocol,src,srcPort,dst", `${header},extra`])(
    "refuses the header %j",
    (line) => {
      expect(parse(line)).toEqual({
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
    const { flows, mistakes } = parse(lines.join("\n"));
    expect(flows.map(formatFlow)).toEqual(["tcp 10.0.0.2:1000 192.0.2.1:80"]);
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
    const [{ value }, ...others] = parse(`\x1b[2J\0${"x".repeat(100_000)}`).mistakes;
    expect(others).toEqual([]);
    expect(value).toBe(`?[2J?${"x".repeat(75)}...`);
  });

  it("stops at the most mistakes that anybody wants to read", () => {
    const { mistakes } = parse(`${header}\n${"x,x,x,x,x\n".repeat(100)}`, 7);
    expect(mistakes).toHaveLength(7);
  });

  it("is the same however the text is divided", () => {
    const lines = ["tcp,10.0.0.2,1000,192.0.2.1,80", "", "tcp,10.0.0.2,x,192.0.2.1,80", "udp,2001:db8::1,5,2001:db8::2,53\r"];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...lines), { maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.constantFrom("", "\n"),
        (rows, cuts, last) => {
          const text = [`\ufeff${header}`, ...rows].join("\n") + last;
          const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
          const pieces = places.slice(1).map((end, i) => text.slice(places[i], end));
          expect(parseAll(pieces, 5)).toEqual(parse(text, 5));
        },
      ),
    );
  });

  it("does not wait for the end of a line that has none", () => {
    const csv = createFlowCsv();
    csv.read(`${header}\ntcp,10.0.0.2,`);
    for (let i = 0; i < 5; i++) expect(csv.read("1".repeat(1000))).toEqual([]);
    expect(csv.isOver).toBe(true);
    expect(csv.mistakes).toEqual([
      { where: "line 2", value: `tcp,10.0.0.2,${"1".repeat(67)}...`, wanted: "a line of at most 4096 characters" },
    ]);
  });
});
