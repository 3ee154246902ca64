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

describe("routes as text", () => {
  const gateway = { address: "10.0.11.2", weight: 2 };

  it("name, below the gateways, what was resolved through which route, and what is not used", () => {
    const recursive = [
      { nextHop: "192.0.2.1", through: "192.0.2.0/24", gateways: ["10.0.11.2"] },
      { nextHop: "192.0.2.9", reason: "next hop behind a loop of routes" },
    ];
    const routes = [
      { prefix: "198.51.100.10/32", protocol: "static", distance: 1, group: 3, nextHops: [gateway], recursive },
      { prefix: "198.51.100.20/32", nextHops: [], recursive: recursive.slice(1) },
    ];
    const lines = formatShown(["routes"], routes).split("\n").slice(1);
    expect(lines.map((line) => line.trim().replace(/ {2,}/g, " | "))).toEqual([
      "S | 198.51.100.10/32 | [1] | group 3 | via 10.0.11.2 | weight 2",
      "192.0.2.1 through 192.0.2.0/24, by 10.0.11.2",
      "192.0.2.9 not used: next hop behind a loop of routes",
      "198.51.100.20/32 | [-] | no usable path",
      "192.0.2.9 not used: next hop behind a loop of routes",
    ]);
  });
});

it("ports as text have the MTU that packets have, of which tags may have taken their part", () => {
  const counters = { receivedFrames: 1, transmittedFrames: 2, transmitErrors: 3, receiveDrops: 4 };
  const port = { interface: "eth0.20.7", kind: "packet-ring", state: "up", mac: "02:00:00:00:00:01", addresses: [], counters };
  expect(formatShown(["ports"], [{ ...port, mtu: 1500, packetMtu: 1492 }]).split(/ {2,}|\n/)).toEqual(
    expect.arrayContaining(["Packet MTU", "1492"]),
  );
});
