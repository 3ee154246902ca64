import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { balanceCommand } from "#src/commands/balance.ts";
import { disruptCommand } from "#src/commands/disrupt.ts";
import { CommandError } from "#src/commands/output.ts";
import { makePacket } from "../dataplane/packets.ts";
import { makePcap } from "../pcap/captures.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "disrupt-"));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

async function run(command: ReturnType<typeof disruptCommand>, words: string): Promise<string> {
  let output = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    output += text;
    return true;
  });
  const silent = command.exitOverride().configureOutput({ writeErr: () => {} });
  await silent.parseAsync(words.split(/ +/), { from: "user" });
  return output;
}

/** What stdout had when the command threw. */
async function answerAndRefusal(play: () => Promise<string>): Promise<{ answer: string; refusal: CommandError }> {
  const write = vi.spyOn(process.stdout, "write");
  const refusal = await play().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(CommandError);
  const answer = write.mock.calls.map(([text]) => String(text)).join("");
  write.mockClear();
  return { answer, refusal: refusal as CommandError };
}
const disrupt = (words: string) => run(disruptCommand(), words);
const balance = (words: string) => run(balanceCommand(), words);

function save(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe("ecmp disrupt", () => {
  it("answers the flags with the contract's JSON, a row a selector", async () => {
    const rows = JSON.parse(await disrupt("--selector modulo,resilient --members 8 --remove 3 --flows 20000 --seed 7 --json"));
    const keys = [
      "selector",
      "members",
      "event",
      "flows",
      "moved",
      "movedShare",
      "unavoidable",
      "excess",
      "maxOverMean",
      "memberOrder",
    ];
    expect(rows.map(Object.keys)).toEqual([keys, keys]);
    const [modulo, resilient] = rows;
    expect(modulo).toMatchObject({ selector: "modulo", members: 8, event: "remove 3", flows: 20_000 });
    expect(modulo.moved).toBe(modulo.unavoidable + modulo.excess);
    expect(modulo.movedShare).toBeCloseTo(7 / 8, 2);
    expect(resilient).toMatchObject({ selector: "resilient", excess: 0 });
    expect(resilient.movedShare).toBe(resilient.moved / 20_000);
  });

  it("prints the same bytes from the same input and seed, and others from another seed", async () => {
    const words = "--selector threshold,maglev --members 5 --add --flows 3000 --seed";
    expect(await disrupt(`${words} 1`)).toBe(await disrupt(`${words} 1`));
    expect(await disrupt(`${words} 1`)).not.toBe(await disrupt(`${words} 2`));
  });

  it("prints a table, with each next hop's flows before and after", async () => {
    const text = await disrupt("--members 3 --remove 2 --flows 900");
    expect(text).toMatch(
      /^selector +members +event +flows +moved +share +unavoidable +excess +max\/mean\nmodulo +3 +remove 2 +900 /,
    );
    expect(text).toMatch(/modulo +remove 2 +10\.0\.0\.2 +\d+ +0 +-\d+/);
  });

  it("gives rows of next hops, and CSV", async () => {
    const csv = await disrupt("--members 3 --remove 2 --flows 900 --per-member --csv");
    const [header, ...lines] = csv.trim().split("\n");
    expect(header).toBe("selector,event,address,weightBefore,weightAfter,flowsBefore,flowsAfter");
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(/^modulo,remove 2,10\.0\.0\.2,1,0,\d+,0$/);
  });

  it("plays a scenario's events one after the other", async () => {
    const file = save(
      "scenario.yaml",
      `members: [{address: 10.0.0.3}, {address: 10.0.0.1, weight: 2}, {address: 10.0.0.2}]
selectors: [{name: auto-recovery, buckets: 64}, resilient]
events: [{remove: 2}, {add: 10.0.0.9}, {return: 10.0.0.1}, {reweight: 1, weight: 5}]
flows: {count: 5000, seed: 3}
hash: {algorithm: xxh32, fields: 3-tuple, seed: 4}
`,
    );
    const rows = JSON.parse(await disrupt(`${file} --json`));
    expect(rows.map(({ selector, members, event }: Record<string, unknown>) => `${selector} ${members} ${event}`)).toEqual(
      ["auto-recovery", "resilient"].flatMap((name) => [
        `${name} 3 remove 2`,
        `${name} 2 add 10.0.0.9`,
        `${name} 3 return 10.0.0.1`,
        `${name} 4 reweight 1 to 5`,
      ]),
    );
  });

  it("removes who is written in that place, and deals by the member order that was asked for", async () => {
    const scenario = (order: string) =>
      save(
        "scenario.yaml",
        `members: [{address: 10.0.0.3}, {address: 10.0.0.1}, {address: 10.0.0.2}]
selectors: [threshold]
events: [{remove: 2}, {return: 2}]
flows: {count: 20000}
memberOrder: ${order}
`,
      );
    const play = async (words: string) => JSON.parse(await disrupt(`${words} --json`));
    const listed = "--selector threshold --flows 20000 --members 10.0.0.3,10.0.0.1,10.0.0.2 --remove 2 --member-order";
    const moved: Record<string, number[]> = {};
    for (const order of ["address", "configured", "announced"]) {
      const file = scenario(order);
      const rows = await play(file);
      expect(await play(`${listed} ${order}`)).toEqual([rows[0]]);
      expect(rows.map(({ memberOrder }: { memberOrder: string }) => memberOrder)).toEqual([order, order]);
      const gone = (await play(`${file} --per-member`)).find((row: { flowsAfter: number }) => row.flowsAfter === 0);
      expect(gone).toMatchObject({ event: "remove 2", address: "10.0.0.1" });
      moved[order] = rows.map((row: { moved: number }) => row.moved);
    }
    // Of three ranges the middle one takes a third of the flows along, one at an end a half. The written order is that of coming.
    const [third, half] = [moved.configured[0], moved.address[0]];
    expect(half / third).toBeCloseTo(1.5, 1);
    expect(moved).toEqual({ address: [half, half], configured: [third, third], announced: [third, third] });
  });

  it("deals as a profile's router lists its members, unless told", async () => {
    const orderOf = async (words: string) =>
      JSON.parse(await disrupt(`${words} --members 10.0.0.2,10.0.0.1 --remove 1 --flows 10 --json`))[0].memberOrder;
    expect(await orderOf("--profile linux-l4")).toBe("configured");
    expect(await orderOf("--profile linux-l4 --member-order address")).toBe("address");
    expect(await orderOf("--profile lemming")).toBe("address");
    expect(await orderOf("--selector modulo")).toBe("address");
    const shares = async (order: string) =>
      JSON.parse(await balance(`--members 10.0.0.2,10.0.0.1 --weights 3,1 --member-order ${order} --flows 100 --json`))[0]
        .nextHops;
    expect((await shares("address")).map((hop: { address: string }) => hop.address)).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(await shares("configured")).toMatchObject([
      { address: "10.0.0.2", weight: 3 },
      { address: "10.0.0.1", weight: 1 },
    ]);
  });

  it.each(["10.0.0.1,10.0.0.1", "10.0.0.1,2001:db8::1", "10.0.0.1,x", "0"])("refuses the members %s", async (members) => {
    await expect(disrupt(`--members ${members} --remove 1`)).rejects.toThrow(/Wanted a/);
  });

  it("takes a scenario's flows from a CSV file beside it", async () => {
    save("flows.csv", "protocol,src,srcPort,dst,dstPort\ntcp,10.1.0.1,1000,192.0.2.1,80\nudp,10.1.0.2,1000,192.0.2.1,53\n");
    const file = save("scenario.yaml", "members: 2\nselectors: [threshold]\nevents: [{remove: 1}]\nflows: {file: flows.csv}\n");
    expect(JSON.parse(await disrupt(`${file} --json`))[0]).toMatchObject({ selector: "threshold", flows: 2, excess: 0 });
  });

  it.each([disrupt, balance])("refuses sources of another family than the destination, in words", async (command) => {
    const event = command === disrupt ? "--remove 1 --flows" : "--flows";
    await expect(command(`--sources 2001:db8::/32 --members 4 ${event} 10`)).rejects.toThrow(CommandError);
    await expect(command(`--sources 2001:db8::/32 --destination 2001:db8::1 --members 4 ${event} 10`)).resolves.toContain("10");
  });

  it("refuses the order of members within the hash of a scenario, where it would not be looked at", async () => {
    const file = save(
      "s.yaml",
      "members: 3\nselectors: [hrw]\nevents: [{remove: 1}]\nhash: {profile: linux-l4, memberOrder: address}\n",
    );
    await expect(disrupt(file)).rejects.toThrow('s.yaml:4: hash.memberOrder: "address", wanted beside the hash, not in it');
  });

  it("takes the hash and the selector of a whole router by name", async () => {
    const selectorsOf = async (words: string) =>
      JSON.parse(await disrupt(`${words} --members 4 --remove 2 --flows 500 --json`)).map(
        (row: { selector: string }) => row.selector,
      );
    expect(await selectorsOf("--profile linux-l4 --hash-seed 7")).toEqual(["linux-threshold"]);
    expect(await selectorsOf("--profile linux-l4 --selector hrw,maglev")).toEqual(["hrw", "maglev"]);
    const moved = async (seed: number) =>
      JSON.parse(await disrupt(`--profile linux-l4 --hash-seed ${seed} --members 4 --remove 2 --flows 5000 --json`))[0].moved;
    expect(await moved(7)).not.toBe(await moved(8));
    await expect(disrupt("--profile katran --hash-seed 3 --members 4 --remove 2")).rejects.toThrow(
      "--hash-seed: 3, wanted no seed",
    );
    await expect(disrupt("--profile linux-l4 --fields 3-tuple --members 4 --remove 2")).rejects.toThrow(
      "neither --hash nor --fields",
    );
    await expect(balance("--profile linux-l4 --tiers 2 --tier-offsets 0,5")).rejects.toThrow("the kernel has its own");
  });

  it("takes flows from a capture, by flag or in a scenario, and refuses a damaged one", async () => {
    const packets = Array.from({ length: 300 }, (_, i) => ({ bytes: makePacket({ sourcePort: 1000 + (i % 100) }) }));
    const capture = makePcap(packets);
    const path = join(folder, "traffic.pcap");
    writeFileSync(path, capture);
    const [byFlag] = JSON.parse(await disrupt(`--in ${path} --selector hrw --members 4 --remove 2 --json`));
    expect(byFlag).toMatchObject({ selector: "hrw", flows: 100, excess: 0 });
    const file = save("scenario.yaml", "members: 4\nselectors: [hrw]\nevents: [{remove: 2}]\nflows: {file: traffic.pcap}\n");
    expect(JSON.parse(await disrupt(`${file} --json`))).toEqual([byFlag]);
    const [evenness] = JSON.parse(await balance(`--in ${path} --selector hrw --members 4 --json`));
    expect(evenness.flows).toBe(100);
    const bytes = evenness.nextHops.reduce((sum: number, hop: { bytes: number }) => sum + hop.bytes, 0);
    expect(bytes).toBe(packets.reduce((sum, packet) => sum + packet.bytes.length, 0));
    writeFileSync(path, capture.subarray(0, capture.length - 1));
    await expect(disrupt(`--in ${path} --members 4 --remove 2`)).rejects.toThrow("wanted a whole capture");
    save("none.csv", "protocol,src,srcPort,dst,dstPort\n");
    save("scenario.yaml", "members: 4\nselectors: [hrw]\nevents: [{remove: 2}]\nflows: {file: none.csv}\n");
    await expect(disrupt(file)).rejects.toThrow("none.csv: no flow, wanted a line for each");
  });

  it("hashes as a whole router does where a scenario names one", async () => {
    const moved = async (hash: string): Promise<number> => {
      const flows = "{count: 2000, seed: 7}";
      const text = `members: 8\nselectors: [linux-threshold]\nevents: [{remove: 3}]\nflows: ${flows}\nhash: ${hash}\n`;
      return JSON.parse(await disrupt(`${save("router.yaml", text)} --json`))[0].moved;
    };
    const first = await moved("{profile: linux-l4, seed: 42, socketHash: 7}");
    expect(await moved("{profile: linux-l4, seed: 42, socketHash: 7}")).toBe(first);
    expect(await moved("{profile: linux-l4, seed: 42, socketHash: 8}")).not.toBe(first);
    await expect(moved("{profile: katran, seed: 42}")).rejects.toThrow("router.yaml:5: hash.seed: 42, wanted no seed");
    await expect(moved("{algorithm: random}")).rejects.toThrow('hash algorithm: "random", wanted one that decides by flow');
  });

  it("answers for the selectors that can be filled, and says why of the others", async () => {
    const { answer, refusal } = await answerAndRefusal(() =>
      disrupt("--selector maglev,ring,anchor --selector-option capacity=3 --buckets 64 --members 4 --remove 2 --json"),
    );
    expect(JSON.parse(answer).map(({ selector }: { selector: string }) => selector)).toEqual(["ring"]);
    expect(refusal.code).toBe(2);
    expect(refusal.message).toMatch(/^disrupt: maglev: .*wanted a prime.*\ndisrupt: anchor: .*3/);
    const balanced = await answerAndRefusal(() => balance("--selector maglev,ring --buckets 64 --members 4 --json"));
    expect(JSON.parse(balanced.answer)).toHaveLength(1);
    expect(balanced.refusal.message).toMatch(/^balance: maglev: .*wanted a prime/);
  });

  it("takes whatever a configuration's selector takes", async () => {
    const shares = async (words: string) =>
      JSON.parse(await balance(`${words} --flows 2000 --json`))[0].nextHops.map(({ flows }: { flows: number }) => flows > 0);
    const banks = "--selector sonic-fgnhg --members 3 --selector-option banks=[[10.0.0.1],[10.0.0.3]]";
    expect(await shares(banks)).toEqual([true, false, true]);
    const slots = "--selector arista-recmp --members 3 --selector-option capacity=4 --selector-option redundancy=2";
    expect(await shares(slots)).toEqual([true, true, true]);
  });

  it("tells every mistake of a scenario, with its line", async () => {
    const file = save(
      "bad.yaml",
      "members: 4\nselectors: [modulo, {name: maglev, bucket: 3}]\nevents:\n  - {remove: 1}\n  - {remove: 9}\nflows: {count: 0}\nextra: 1\n",
    );
    await expect(disrupt(file)).rejects.toThrow(
      [
        `${file}:2: selectors[1].bucket: 3, wanted no such key here`,
        `${file}:6: flows.count: 0, wanted a whole number from 1 to 1000000000`,
        `${file}:7: extra: 1, wanted no such key here`,
      ].join("\n"),
    );
    const places = save("places.yaml", "members: 4\nselectors: [modulo]\nevents:\n  - {remove: 1}\n  - {remove: 9}\n");
    await expect(disrupt(places)).rejects.toThrow(`${places}:5: events[1]: {"remove":9}, wanted a place from 1 to 4`);
  });

  it.each([
    ["--members 3", "wanted either --remove I, --add or a scenario file"],
    ["--members 3 --remove 4", "--remove: 4, wanted a next hop from 1 to 3"],
    ["--selector maglev --buckets 100 --members 3 --remove 1", "wanted a prime number of buckets"],
    ["--selector nobody --remove 1", "Wanted one of modulo"],
    ["--members 3 --remove 1 --flows many", "Wanted a whole number from 1"],
    ["--members 3 --remove 1 --buckets 64", "--buckets: 64, wanted only with hrw, resilient"],
    [
      "--members 3 --remove 1 --selector hrw --selector-option replicas=4",
      "--selector-option replicas: 4, wanted only with ring",
    ],
    ["--members 3 --remove 1 --selector hrw --selector-option colour=4", "--selector-option colour: 4, wanted an option of"],
    [
      "--members 3 --remove 1 --selector ring --selector-option replicas=0",
      "--selector-option replicas: 0, wanted a whole number",
    ],
    ["--members 3 --remove 1 --selector ring --selector-option replicas", "Wanted name=value"],
    ["--members 3 --remove 1 --selector hrw --buckets 64 --selector-option buckets=64", "--buckets: 64, wanted once"],
    ["--members 3 --remove 1 --selector hrw,hrw", "--selector: hrw, wanted each selector once"],
    ["--members 3 --remove 1 --json --csv", "'--csv' cannot be used with option '--json'"],
    ["--members 3 --remove 1 --in a.pcap --flows 5", "'--in <file>' cannot be used with option '--flows <n>'"],
    ["--members 3 --remove 1 --hash toeplitz --hash-seed 5", "--hash-seed: 5, wanted no seed with toeplitz"],
    ["--members 3 --remove 1 --weights 1,2", "--weights: 2 of them, wanted 3"],
    ["--members 3 --remove 1 --hash-option seed=4 --hash-seed 4", "--hash-seed: wanted once"],
    ["--members 3 --remove 1 --hash-option profile=katran", '--hash-option profile: "katran", wanted --profile'],
    [
      "--members 3 --remove 1 --profile katran --hash-option memberOrder=address",
      '--hash-option memberOrder: "address", wanted --member-order',
    ],
    ["--members 3 --remove 1 --hash-option colour=4", "--hash-option colour: 4, wanted no such key here"],
    ["--members 3 --remove 1 --hash-option symmetric=maybe", '--hash-option symmetric: "maybe", wanted true or false'],
    ["scenario.yaml --members 3", "--members: wanted no such flag beside a scenario file"],
    ["/nowhere.yaml", "/nowhere.yaml: there is no such file, wanted a file that can be read"],
  ])("refuses %s", async (words, message) => {
    await expect(disrupt(words)).rejects.toThrow(message);
  });
});

describe("the options of a hash, by flag", () => {
  const flowsOf = async (words: string) =>
    JSON.parse(await balance(`--members 4 --flows 2000 ${words} --json`))[0].nextHops.map(
      ({ flows }: { flows: number }) => flows,
    );

  it("are those of a configuration: masks of each family, offset", async () => {
    const masked = (masks: string) => flowsOf(`--fields source-address --hash-option masks={"source-address":${masks}}`);
    // Nothing is left to tell flows apart by; of the other family nothing is masked.
    expect((await masked('{"ipv4":0}')).filter((flows: number) => flows > 0)).toEqual([2000]);
    expect(await masked('{"ipv6":0}')).toEqual(await flowsOf("--fields source-address"));
    expect(await flowsOf("--hash-option offset=5")).not.toEqual(await flowsOf(""));
  });

  it("are those that a profile takes", async () => {
    const custom = await flowsOf("--profile linux-custom --hash-option fields=0x3");
    expect(custom).not.toEqual(await flowsOf("--profile linux-custom --hash-option fields=0x37"));
    await expect(flowsOf("--profile linux-l4 --hash-option offset=5")).rejects.toThrow(
      "--hash-option offset: 5, wanted no offset",
    );
  });
});

describe("ecmp balance", () => {
  it.each([
    ["--hash toeplitz --tier-seeds 1,2", "--tier-seeds: 1, wanted no seed with toeplitz"],
    ["--profile katran --tier-seeds 1,2", "--tier-seeds: 1, wanted no seed"],
    ["--profile linux-l4 --tier-seeds 0,2", "--tier-seeds: 0, wanted a number from 1"],
    ["--hash-seed 1 --tier-seeds 1,2", "--hash-seed: 1, wanted no such flag beside --tier-seeds"],
  ])("refuses tiers by %s", async (words, message) => {
    await expect(balance(`--tiers 2 --flows 10 ${words}`)).rejects.toThrow(message);
  });

  it("refuses a hash by which packets have next hops and flows have none", async () => {
    await expect(balance("--hash round-robin --flows 10")).rejects.toThrow('hash algorithm: "round-robin", wanted one');
  });

  it("measures each selector, by flows and bytes of each next hop", async () => {
    const [modulo, resilient] = JSON.parse(await balance("--selector modulo,resilient --weights 3,1,1 --flows 50000 --json"));
    expect(Object.keys(modulo)).toEqual([
      "selector",
      "memberOrder",
      "members",
      "flows",
      "maxOverMean",
      "coefficientOfVariation",
      "chiSquare",
      "degreesOfFreedom",
      "pValue",
      "nextHops",
    ]);
    expect(modulo).toMatchObject({ selector: "modulo", members: 3, flows: 50_000, degreesOfFreedom: 2 });
    expect(modulo.pValue).toBeGreaterThan(0.001);
    expect(modulo.nextHops[0]).toMatchObject({ address: "10.0.0.1", weight: 3 });
    expect(modulo.nextHops[0].flows / 50_000).toBeCloseTo(0.6, 1);
    expect(resilient.nextHops.reduce((sum: number, { flows }: { flows: number }) => sum + flows, 0)).toBe(50_000);
  });

  it("shows polarization, and what seeds, offsets and fields do about it", async () => {
    const tiers = async (words: string) =>
      JSON.parse(await balance(`--members 4 --flows 20000 --tiers 3 ${words} --json`)).map(({ used }: { used: number }) => used);
    expect(await tiers("")).toEqual([4, 4, 4]);
    expect(await tiers("--tier-seeds 1,2,3")).toEqual([4, 16, 64]);
    expect(await tiers("--tier-offsets 0,8,16")).toEqual([4, 16, 64]);
    expect(await tiers("--tier-fields 5-tuple/3-tuple/source-port")).toEqual([4, 16, 64]);
  });

  it("prints tables", async () => {
    expect(await balance("--members 2 --flows 1000")).toMatch(
      /^selector +members +flows +max\/mean +cv +chi-square +p-value\nmodulo /,
    );
    expect(await balance("--members 2 --flows 1000 --tiers 2")).toMatch(/^selector +tier +seed +offset +links +used/);
  });

  it.each([
    ["--tiers 3 --tier-seeds 1,2", "--tier-seeds: 2 values, wanted 1 or 3"],
    ["--tiers 3 --members 64", "links in tier 3, wanted at most 65536"],
    ["--selector arista-recmp --members 17", "wanted at most its capacity 16"],
    ["--destination 2001:db8::1", "--destination: 2001:db8::1, wanted an address of the family of --sources"],
  ])("refuses %s", async (words, message) => {
    await expect(balance(words)).rejects.toThrow(message);
  });
});
