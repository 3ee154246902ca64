import { expect, it } from "vitest";
import type { Router } from "#src/router/router.ts";
import { answerShow } from "#src/router/show.ts";

it.each([
  ["bgp foo", "bgp summary, bgp neighbors, bgp routes, bgp announced"],
  ["bgp", "bgp summary, bgp neighbors, bgp routes, bgp announced"],
  ["colour", expect.stringMatching(/^bgp summary, .*routes, .*events$/)],
])("says of %j what can be shown instead", (text, wanted) => {
  const answer = answerShow({} as Router, text.split(" "));
  expect(answer).toHaveProperty("error");
  const [said, list] = (answer as { error: string }).error.split(", wanted one of ");
  expect(said).toBe(`show: "${text}"`);
  expect(list).toEqual(wanted);
});
