import { expect, it } from "vitest";
import { formatPrefix, type Prefix } from "#src/net/prefix.ts";
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

it.each([
  ["198.51.100.10", "198.51.100.10/32"],
  ["2001:db8::1", "2001:db8::1/128"],
  ["198.51.100.0/24", "198.51.100.0/24"],
])("takes %s for %s", (text, wanted) => {
  const asked: string[] = [];
  const router = { ribRoutes: (prefix: Prefix) => [asked.push(formatPrefix(prefix))].slice(1) } as unknown as Router;
  for (const what of [["bgp", "routes"], ["routes"]]) expect(answerShow(router, [...what, text])).toEqual({ value: [] });
  expect(asked).toEqual([wanted, wanted]);
});

it.each(["198.51.100.256", "fe80::1%eth1", "198.51.100.1/24"])("takes %s for no prefix", (text) => {
  expect(answerShow({} as Router, ["routes", text])).toHaveProperty("error");
});
