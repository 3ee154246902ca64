import { describe, expect, it } from "vitest";
import { formatShown } from "#src/commands/show-text.ts";
import { sketchState } from "../experiment/state.ts";

describe("groups as text", () => {
  const state = sketchState({
    selector: "resilient",
    buckets: 4,
    groups: [{ prefixes: ["198.51.100.10/32"], members: ["10.0.0.1", "10.0.0.2"] }],
  });

  it("begin with what decides: hash, selector and member order", () => {
    expect(formatShown(["groups"], state)).toMatch(
      /^hash xxh32 over .*; selector resilient; member order address\n\nGroup +Prefixes/,
    );
  });

  it("end with the groups that the selector cannot serve, and why", () => {
    const groups = state.groups.map((group) => ({ ...group, refusal: "Cannot fill it" }));
    expect(formatShown(["groups"], { ...state, groups })).toMatch(/\n\ngroup 1 goes by the hash's remainder: Cannot fill it$/);
    expect(formatShown(["groups"], state)).not.toContain("remainder");
  });
});
