/** `ecmp explain` as a person meets it: one flow that can be read, and what cannot be answered said with its place. */
import { spawnSync } from "node:child_process";
import { describe, expect, it, vi } from "vitest";
import { explainCommand } from "#src/commands/explain.ts";
import { ECMP } from "../common/host.ts";
import { run, useFolder } from "./command.ts";

const { save } = useFolder("explain");

const ROUTES =
  "routes: [{prefix: 198.51.100.0/24, nextHops: [{address: 10.0.0.11}, {address: 10.0.0.12}, {address: 10.0.0.13}]}]";
const FLOW = "tcp 10.0.0.2:1000 198.51.100.1:80";

const explain = (ecmp: string, ...more: string[]): Promise<string> =>
  run(explainCommand(), ["--config", save("router.yaml", `${ROUTES}\necmp: ${ecmp}\n`), "--flow", FLOW, ...more]);

describe("ecmp explain", () => {
  it("says of one flow by which rule it goes where, for people", async () => {
    const lines = (await explain("{profile: linux-l4, seed: 42}")).trimEnd().split("\n");
    expect(lines.map((line) => line.trim().split(/ {2,}/)[0])).toEqual([
      FLOW,
      "prefix",
      "rule",
      "key",
      "hash",
      "next hop",
      "because",
    ]);
    expect(lines[2]).toBe(
      "  rule      linux-l4: fib_multipath_hash_policy 1 with seed 42; 31 bits; upper bounds (linux-threshold)",
    );
    expect(lines[6]).toMatch(
      /^ {2}because {3}\d+ is in range \d, \d+ to \d+, owned by 10\.0\.0\.1\d, member \d of 3, order configured$/,
    );
  });

  describe("by ports", () => {
    const routes = `routes:
  - {prefix: 198.51.100.0/24, nextHops: [{address: 192.0.2.1}]}
  - {prefix: 192.0.2.0/24, nextHops: [{address: 10.0.10.2}]}
  - {prefix: 10.0.0.0/8, nextHops: [{address: 10.0.10.3}]}
  - {prefix: 203.0.113.0/24, nextHops: [{address: 100.64.0.1}]}`;
    const [inFile, kernels] = ["{interface: eth0, vlan: 10, addresses: [10.0.10.1/24]}", "{interface: eth0}"];
    const destinations = ["198.51.100.1", "10.0.10.1", "10.0.10.9", "203.0.113.1"];
    const flows = destinations.flatMap((destination) => ["--flow", `tcp 10.0.0.2:1000 ${destination}:80`]);
    const asWritten = (nextHop: string, prefix: string): string =>
      `next hop ${nextHop} lies in ${prefix}, but is taken for a gateway as written: only a running router (--live, or its --state) knows whether a subnet of its ports is nearer`;
    const explained = async (ports: string, more = "") => {
      const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
      const config = save("router.yaml", `ports: [${ports}]\n${routes}\n${more}`);
      const lines = (await run(explainCommand(), ["--config", config, ...flows, "--json"])).trim().split("\n");
      const warnings = stderr.mock.calls.map(([text]) => String(text).trim().replace(`warning: ${config}: `, ""));
      stderr.mockRestore();
      return { fates: lines.map((line) => JSON.parse(line)).map(({ fate, nextHop }) => nextHop ?? fate), warnings };
    };

    it("that all have their addresses in the file, follows next hops behind other routes, and knows what is ours", async () => {
      const unused = "next hop 100.64.0.1 is not used: no route to next hop (a default does not count)";
      const known = { fates: ["10.0.10.2", "local", "attached", "no-route"], warnings: [unused] };
      expect(await explained(inFile)).toEqual(known);
      const learned = "; whether a route of BGP leads there, only a running router knows";
      const bgp = "bgp: {asn: 65000, routerId: 10.0.10.1}\n";
      expect(await explained(inFile, bgp)).toEqual({ ...known, warnings: [unused + learned] });
    });

    it("whose addresses are the kernel's takes next hops as they are written, and says so where it may matter", async () => {
      expect(await explained(`${kernels}, ${inFile}`)).toEqual({
        fates: ["192.0.2.1", "local", "attached", "100.64.0.1"],
        warnings: [asWritten("192.0.2.1", "192.0.2.0/24")],
      });
      expect(await explained(kernels)).toEqual({
        fates: ["192.0.2.1", "10.0.10.3", "10.0.10.3", "100.64.0.1"],
        warnings: [asWritten("192.0.2.1", "192.0.2.0/24"), asWritten("10.0.10.2", "10.0.0.0/8")],
      });
    });
  });

  it("shows another draw of a socket's hash under another number", async () => {
    const hops = new Set<string>();
    for (let draw = 0; draw < 20; draw++) {
      const text = await explain(`{profile: linux-l4, seed: 42, socketHash: ${draw}}`, "--json");
      hops.add(JSON.parse(text).nextHop);
    }
    expect(hops.size).toBe(3);
  });

  it.each([
    [["--live"], "'--live' cannot be used with option '--config <file>'"],
    [["--state", "state.json"], "'--state <file>' cannot be used with option '--config <file>'"],
    [["--flows", "flows.csv"], "'--flows <file>' cannot be used with option '--flow <flow>'"],
  ])("refuses %j beside what says it otherwise", async (words, message) => {
    await expect(explain("{}", ...words)).rejects.toThrow(message);
  });

  it.each([
    ["", 'a protocol, a source and a destination, such as "tcp 10.0.0.2:1000 192.0.2.1:80"'],
    ["foo 10.0.0.2:1 10.0.0.3:2", "for foo a number to 255 or one of icmp, tcp"],
    ["tcp 10.0.0.2:1 10.0.0.3:70000", "for 10.0.0.3:70000 an address and a port to 65535"],
    ["tcp 10.0.0.2:1 [2001:db8::1]:2", "addresses of one family"],
    ["icmp 10.0.0.2:1 10.0.0.3", "no ports: icmp has none"],
    ["tcp 10.0.0.2:1000 192.0.2.1", "for 192.0.2.1 a port, too: 10.0.0.2:1000 or, an IPv6 address in brackets"],
    ["udp 10.0.0.2 192.0.2.1", "for 10.0.0.2 a port, too"],
    ["tcp 2001:db8::1:80 2001:db8::2:443", "for 2001:db8::1:80 a port, too: "],
    ["tcp [2001:db8::1]:80 [2001:db8::2]", "for [2001:db8::2] a port, too: "],
  ])("says which word of the flow %j is wrong", async (flow, wanted) => {
    await expect(explain("{}", "--flow", flow)).rejects.toThrow(`--flow: ${JSON.stringify(flow)}, wanted ${wanted}`);
  });

  it.each([
    ["{}", "hash is undefined"],
    ["null", "its top is null"],
    ['{"hash":null}', "hash is null"],
    ['{"hash":{"algorithm":"nope"}}', "nope"],
  ])("says what is wrong with the state %s, by its file", async (text, wanted) => {
    const words = ["--state", save("state.json", text), "--flow", FLOW];
    await expect(run(explainCommand(), words)).rejects.toThrow(new RegExp(`state\\.json: .*${wanted}`));
  });

  it("refuses a hash by which packets have next hops and flows have none, naming the file", async () => {
    await expect(explain("{hash: {algorithm: random}}")).rejects.toMatchObject({
      code: 2,
      message: expect.stringMatching(/router\.yaml: hash algorithm: "random", wanted one that decides by flow/),
    });
  });
});

describe("ecmp explain --flows", { timeout: 120_000 }, () => {
  const HEADER = "protocol,src,srcPort,dst,dstPort\n";
  const LINES = 300_000;
  /** As values so many flows took more than twice as much. */
  const HEAP_MEBIBYTES = 24;
  const row = (i: number): string => `tcp,10.${i >>> 16}.${(i >>> 8) & 255}.${i & 255},${1024 + (i % 60000)},198.51.100.1,80\n`;
  const answer = (input: string, heapMebibytes: number, ...words: string[]) => {
    const config = save("router.yaml", `${ROUTES}\n`);
    const node = [`--max-old-space-size=${heapMebibytes}`, ECMP, "explain", "--config", config, "--json", ...words];
    return spawnSync(process.execPath, node, { encoding: "utf8", input, maxBuffer: 2 ** 30 });
  };

  it("needs no more memory for more lines, and answers each, as it does a single flow", async () => {
    const text = Array.from({ length: LINES }, (_, i) => row(i)).join("");
    const { status, stdout, stderr } = answer("", HEAP_MEBIBYTES, "--flows", save("flows.csv", HEADER + text));
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(LINES);
    const last = `tcp 10.4.147.223:${1024 + ((LINES - 1) % 60000)} 198.51.100.1:80`;
    expect(JSON.parse(lines[LINES - 1]).flow).toBe(last);
    const single = await run(explainCommand(), ["--config", save("router.yaml", `${ROUTES}\n`), "--flow", last, "--json"]);
    expect(`${lines[LINES - 1]}\n`).toBe(single);
  });

  it("answers the lines that are sound, names the others by number, and exits with 2", () => {
    const { status, stdout, stderr } = answer(`${HEADER}${row(1)}tcp,x,1,198.51.100.1,80\n${row(2)}`, 512, "--flows", "-");
    expect(status).toBe(2);
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line).flow),
    ).toEqual(["tcp 10.0.0.1:1025 198.51.100.1:80", "tcp 10.0.0.2:1026 198.51.100.1:80"]);
    expect(stderr).toBe("-: line 3, src: x, wanted an address\n");
  });

  it.each([
    ["none.csv", "", "none.csv: there is no such file, wanted a file that can be read\n"],
    ["-", "a,b\n1,2\n", "-: line 1: a,b, wanted the header protocol,src,srcPort,dst,dstPort\n"],
    ["-", HEADER, "-: no flow, wanted a line for each behind the header\n"],
    ["-", "", "-: line 1: , wanted the header protocol,src,srcPort,dst,dstPort\n"],
  ])("says what is wrong with %s that has %j", (file, input, problem) => {
    expect(answer(input, 512, "--flows", file)).toMatchObject({ status: 2, stdout: "", stderr: problem });
  });
});
