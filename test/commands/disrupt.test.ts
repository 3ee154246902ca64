import { describe, expect, it, vi } from "vitest";
import { balanceCommand } from "#src/commands/balance.ts";
import { disruptCommand } from "#src/commands/disrupt.ts";
import { CommandError } from "#src/commands/output.ts";
import { makePacket } from "../dataplane/packets.ts";
import { makePcap, makePcapng } from "../pcap/captures.ts";
import { run, runToEnd, useFolder, wordsOf } from "./command.ts";

const { save } = useFolder("disrupt");
const disrupt = (words: string) => run(disruptCommand(), wordsOf(words));
const balance = (words: string) => run(balanceCommand(), wordsOf(words));

async function refused(command: ReturnType<typeof disruptCommand>, words: string) {
  const { answer, refusal } = await runToEnd(command, wordsOf(words));
  expect(refusal).toBeInstanceOf(CommandError);
  return { answer, refusal: refusal as CommandError };
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

  it.each([disrupt, balance])("refuses sources of another family than the destination, in words", async (command) => {
    const event = command === disrupt ? "--remove 1 --flows" : "--flows";
    await expect(command(`--sources 2001:db8::/32 --members 4 ${event} 10`)).rejects.toThrow(CommandError);
    await expect(command(`--sources 2001:db8::/32 --destination 2001:db8::1 --members 4 ${event} 10`)).resolves.toContain("10");
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
    const path = save("traffic.pcap", capture);
    const [byFlag] = JSON.parse(await disrupt(`--in ${path} --selector hrw --members 4 --remove 2 --json`));
    expect(byFlag).toMatchObject({ selector: "hrw", flows: 100, excess: 0 });
    const file = save("scenario.yaml", "members: 4\nselectors: [hrw]\nevents: [{remove: 2}]\nflows: {file: traffic.pcap}\n");
    expect(JSON.parse(await disrupt(`${file} --json`))).toEqual([byFlag]);
    const [evenness] = JSON.parse(await balance(`--in ${path} --selector hrw --members 4 --json`));
    expect(evenness.flows).toBe(100);
    const bytes = evenness.nextHops.reduce((sum: number, hop: { bytes: number }) => sum + hop.bytes, 0);
    expect(bytes).toBe(packets.reduce((sum, packet) => sum + packet.bytes.length, 0));
    save("traffic.pcap", capture.subarray(0, capture.length - 1));
    await expect(disrupt(`--in ${path} --members 4 --remove 2`)).rejects.toThrow("wanted a whole capture");
    save("none.csv", "protocol,src,srcPort,dst,dstPort\n");
    save("scenario.yaml", "members: 4\nselectors: [hrw]\nevents: [{remove: 2}]\nflows: {file: none.csv}\n");
    await expect(disrupt(file)).rejects.toThrow("none.csv: no flow, wanted a line for each");
  });

  it("names the link types of a capture that it cannot read", async () => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const records = [0, 1, 1].map((number) => ({ bytes: makePacket(), interface: number }));
    const path = save("links.pcapng", makePcapng(records, { linkTypes: [1, 127] }));
    const [row] = JSON.parse(await disrupt(`--in ${path} --members 4 --remove 2 --json`));
    expect(row.flows).toBe(1);
    expect(stderr.mock.calls.map(([text]) => text)).toEqual([
      expect.stringMatching(
        /links\.pcapng: link type 127 \(IEEE802_11_RADIOTAP\): 2 packets left out, wanted one of 1 \(ETHERNET\), /,
      ),
    ]);
    stderr.mockRestore();
  });

  it("answers for the selectors that can be filled, and says why of the others", async () => {
    const { answer, refusal } = await refused(
      disruptCommand(),
      "--selector maglev,ring,anchor --selector-option capacity=3 --buckets 64 --members 4 --remove 2 --json",
    );
    const [ring, ...refusals] = JSON.parse(answer);
    expect(ring).toMatchObject({ selector: "ring", flows: 100_000 });
    expect(refusal.code).toBe(2);
    expect(refusal.message).toMatch(/^disrupt: maglev: .*wanted a prime.*\ndisrupt: anchor: .*3/);
    // In the answer, too, where a script looks.
    expect(refusals.map(Object.keys)).toEqual([
      ["selector", "refused"],
      ["selector", "refused"],
    ]);
    const said = refusals.map(({ selector, refused }: Record<string, string>) => `disrupt: ${selector}: ${refused}`);
    expect(said.join("\n")).toBe(refusal.message);
    const balanced = await refused(balanceCommand(), "--selector maglev,ring --buckets 64 --members 4 --json");
    expect(balanced.refusal.message).toMatch(/^balance: maglev: .*wanted a prime/);
    const maglev = { selector: "maglev", refused: balanced.refusal.message.replace("balance: maglev: ", "") };
    expect(JSON.parse(balanced.answer)).toMatchObject([{ selector: "ring", flows: 100_000 }, maglev]);
  });

  it.each([
    [disruptCommand, "--remove 2"],
    [disruptCommand, "--remove 2 --per-member"],
    [balanceCommand, ""],
    [balanceCommand, "--tiers 2"],
  ])("has a column for refusals in CSV where there are any", async (command, words) => {
    const csv = async (selectors: string) =>
      (
        await runToEnd(command(), wordsOf(`--selector ${selectors} --buckets 64 --members 4 --flows 99 --csv ${words}`.trim()))
      ).answer
        .trimEnd()
        .split("\n");
    const [sound, mixed, none] = [await csv("resilient"), await csv("maglev,resilient"), await csv("maglev")];
    expect(mixed.slice(0, -1)).toEqual(sound.map((line, i) => `${line},${i === 0 ? "refused" : ""}`));
    const cells = sound[0].split(",").length - 1;
    expect(mixed.at(-1)).toMatch(new RegExp(`^maglev,{${cells}},"?.*wanted a prime.*$`));
    expect(none).toEqual(["selector,refused", expect.stringMatching(/^maglev,"?.*wanted a prime/)]);
  });

  it("takes whatever a configuration's selector takes", async () => {
    const shares = async (words: string) =>
      JSON.parse(await balance(`${words} --flows 2000 --json`))[0].nextHops.map(({ flows }: { flows: number }) => flows > 0);
    const banks = "--selector sonic-fgnhg --members 3 --selector-option banks=[[10.0.0.1],[10.0.0.3]]";
    expect(await shares(banks)).toEqual([true, false, true]);
    const slots = "--selector arista-recmp --members 3 --selector-option capacity=4 --selector-option redundancy=2";
    expect(await shares(slots)).toEqual([true, true, true]);
  });

  it("says who is in no bank, as check does, and so does balance", async () => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const words = "--selector sonic-fgnhg,modulo --members 3 --selector-option banks=[[10.0.0.1],[10.0.0.2]] --flows 10";
    const said = () => stderr.mock.calls.map(([text]) => text);
    await disrupt(`${words} --remove 1`);
    expect(said()).toEqual(["warning: sonic-fgnhg: 10.0.0.3 gets nothing, as it is in no bank\n"]);
    stderr.mockClear();
    await disrupt(`${words} --add`);
    expect(said()).toEqual(["warning: sonic-fgnhg: 10.0.0.3, 10.0.0.4 get nothing, as they are in no bank\n"]);
    stderr.mockClear();
    await balance(words);
    expect(said()).toEqual(["warning: sonic-fgnhg: 10.0.0.3 gets nothing, as it is in no bank\n"]);
    stderr.mockRestore();
  });

  it("says that flows repeat where there are fewer than were asked for, and so does balance", async () => {
    const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const few = "--sources 10.0.0.1/32 --members 2 --flows 64513";
    await disrupt(`${few} --remove 1`);
    await balance(few);
    await disrupt("--sources 10.0.0.0/31 --members 2 --flows 64513 --remove 1");
    const said = stderr.mock.calls.map(([text]) => text);
    stderr.mockRestore();
    const warning = "warning: 64513 flows from 10.0.0.1/32, where 64512 at most are different: the others are repeats of these\n";
    expect(said).toEqual([warning, warning]);
  });

  it("defines its columns in the help", () => {
    let help = "";
    disruptCommand()
      .configureOutput({
        writeOut: (text) => {
          help += text;
        },
      })
      .outputHelp();
    expect(help).toContain("moved = unavoidable + excess");
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
    ["--members 3 --remove 1 --hash-option fields=[]", "--hash-option fields: [], wanted at least one field"],
    ["--members 3 --remove 1 --hash-option colour=4", "--hash-option colour: 4, wanted no such key here"],
    ["--members 3 --remove 1 --hash-option symmetric=maybe", '--hash-option symmetric: "maybe", wanted true or false'],
    ["scenario.yaml --members 3", "--members: wanted no such flag beside a scenario file"],
    ["/nowhere.yaml", "/nowhere.yaml: there is no such file, wanted a file that can be read"],
  ])("refuses %s", async (words, message) => {
    await expect(disrupt(words)).rejects.toThrow(message);
  });
});
