/** The hash by flags: the options of a configuration's, or of a profile's. */
import { describe, expect, it } from "vitest";
import { balanceCommand } from "#src/commands/balance.ts";
import { run, wordsOf } from "./command.ts";

const balance = (words: string) => run(balanceCommand(), wordsOf(words));

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
