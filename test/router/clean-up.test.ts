/** What was had is given back. */
import { describe, expect, it } from "vitest";
import { createCleanUp } from "#src/router/clean-up.ts";

describe("what was had", () => {
  it("is given back in reverse, one after the other, and once", async () => {
    const cleanUp = createCleanUp();
    const undone: string[] = [];
    cleanUp.push(() => undone.push("first"));
    cleanUp.push(async () => {
      await new Promise(setImmediate);
      undone.push("second");
    });
    await cleanUp.run();
    await cleanUp.run();
    expect(undone).toEqual(["second", "first"]);
  });

  it("is given back although some of it cannot be, and the first problem is told", async () => {
    const cleanUp = createCleanUp();
    const undone: string[] = [];
    cleanUp.push(() => undone.push("first"));
    cleanUp.push(() => Promise.reject(new Error("second")));
    cleanUp.push(() => {
      throw new Error("third");
    });
    await expect(cleanUp.run()).rejects.toThrow("third");
    expect(undone).toEqual(["first"]);
  });
});
