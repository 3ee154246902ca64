/** `ecmp disrupt` with a scenario file. */
import { describe, expect, it } from "vitest";
import { disruptCommand } from "#src/commands/disrupt.ts";
import { run, useFolder, wordsOf } from "./command.ts";

const { save } = useFolder("scenario");
const disrupt = (words: string) => run(disruptCommand(), wordsOf(words));

describe("ecmp disrupt with a scenario file", () => {
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

  it("takes a scenario's flows from a CSV file beside it", async () => {
    save("flows.csv", "protocol,src,srcPort,dst,dstPort\ntcp,10.1.0.1,1000,192.0.2.1,80\nudp,10.1.0.2,1000,192.0.2.1,53\n");
    const file = save("scenario.yaml", "members: 2\nselectors: [threshold]\nevents: [{remove: 1}]\nflows: {file: flows.csv}\n");
    expect(JSON.parse(await disrupt(`${file} --json`))[0]).toMatchObject({ selector: "threshold", flows: 2, excess: 0 });
  });

  it("refuses the order of members within the hash of a scenario, where it would not be looked at", async () => {
    const file = save(
      "s.yaml",
      "members: 3\nselectors: [hrw]\nevents: [{remove: 1}]\nhash: {profile: linux-l4, memberOrder: address}\n",
    );
    await expect(disrupt(file)).rejects.toThrow('s.yaml:4: hash.memberOrder: "address", wanted beside the hash, not in it');
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
    ["{add: 2001:db8::1}", '{"add":"2001:db8::1"}', "an address of the members' family, as 10.0.0.1 is"],
    ["{return: 2}", '{"return":2}', "a next hop that is not there then, as 10.0.0.2 is"],
    ["{add: 10.0.0.2}", '{"add":"10.0.0.2"}', "a next hop that is not there then, as 10.0.0.2 is"],
    ["{remove: 1}", '{"remove":1}', "a next hop that is there then, as 10.0.0.1 is not"],
    [
      "{reweight: 10.0.0.1, weight: 2}",
      '{"reweight":"10.0.0.1","weight":2}',
      "a next hop that is there then, as 10.0.0.1 is not",
    ],
  ])("refuses the event %s where it cannot be, with its line", async (event, value, wanted) => {
    const text = `members: 4\nselectors: [modulo]\nevents:\n  - {remove: 1}\n  - ${event}\n  - {return: 1}\n`;
    const file = save("impossible.yaml", text);
    await expect(disrupt(file)).rejects.toThrow(`${file}:5: events[1]: ${value}, wanted ${wanted}`);
  });

  it("refuses two families, of members and of flows, as the flags do", async () => {
    const mixed = save(
      "mixed.yaml",
      "members: [{address: 10.0.0.1}, {address: 2001:db8::1}]\nselectors: [modulo]\nevents: [{remove: 1}]\n",
    );
    await expect(disrupt(mixed)).rejects.toThrow(/mixed\.yaml:1: members: .*, wanted addresses of one family/);
    const text = "members: 2\nselectors: [modulo]\nevents: [{remove: 1}]\nflows: {destination: 2001:db8::1}\n";
    await expect(disrupt(save("flows.yaml", text))).rejects.toThrow(
      /flows\.yaml:4: flows: .*, wanted sources and a destination of one family/,
    );
  });
});
