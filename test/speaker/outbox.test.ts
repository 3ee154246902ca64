/** The outbox beside a connection that takes as much as the test lets it: what goes out, in which order, and what waits. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message } from "#src/bgp/message.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { type PathAttributes, SEGMENT } from "#src/bgp/path.ts";
import { formatPrefix, type Prefix, parsePrefix } from "#src/net/prefix.ts";
import { type PrefixRule, parsePrefixRule } from "#src/net/prefix-rule.ts";
import { createAdjOut } from "#src/rib/adj-out.ts";
import type { Route } from "#src/rib/choose.ts";
import type { RouteAnnouncements } from "#src/rib/route.ts";
import { Outbox } from "#src/speaker/outbox.ts";
import { external, sketch } from "../rib/sketch.ts";
import { address, eventually } from "./recorder.ts";

const prefix = (text: string) => parsePrefix(text) as Prefix;
const path = (med: number, hops = 1): PathAttributes => ({
  origin: 0,
  asPath: [{ type: SEGMENT.sequence, asns: Array(hops).fill(65001) }],
  nextHop: address("10.0.0.1"),
  multiExitDiscriminator: med,
});
const announce = (attributes: PathAttributes, ...texts: string[]): RouteAnnouncements => ({
  withdrawn: [],
  announcements: [{ prefixes: texts.map(prefix), attributes }],
});
const withdraw = (...texts: string[]): RouteAnnouncements => ({ withdrawn: texts.map(prefix), announcements: [] });
const NOTHING: RouteAnnouncements = { withdrawn: [], announcements: [] };
const endOfRib = (family: typeof IPV4_UNICAST) =>
  ({ kind: "update", withdrawn: [], announcements: [], endOfRib: family }) as const;
const request = { kind: "route-refresh", family: IPV4_UNICAST, subtype: 0 } as const;

function words(message: Message): string[] {
  if (message.kind === "route-refresh") return [["request", "begin", "end"][message.subtype]];
  if (message.kind !== "update") return [message.kind];
  if (message.endOfRib) return [`end of ${message.endOfRib.afi}`];
  return [
    ...message.withdrawn.map((one) => `-${formatPrefix(one)}`),
    ...message.announcements.flatMap(({ prefixes, attributes }) =>
      prefixes.map((one) => `+${formatPrefix(one)} ${attributes.multiExitDiscriminator}`),
    ),
  ];
}

/** `room`: so many messages are taken. */
function scene(room = Number.POSITIVE_INFINITY) {
  const said: string[][] = [];
  const tooLong: string[] = [];
  const outbox = new Outbox({
    asnSize: 4,
    send: (message) => {
      room--;
      said.push(words(message));
    },
    hasRoom: () => room > 0,
    onTooLong: (prefixes) => tooLong.push(...prefixes.map(formatPrefix)),
  });
  const take = (more: number): void => {
    room = more;
    outbox.flush();
  };
  return { outbox, said, tooLong, take };
}

const routeSaying = (community: number): Route => {
  const { peer, attributes } = sketch({ peer: external(3) });
  return {
    protocol: "bgp",
    nextHops: [],
    best: { peer, attributes: { ...attributes, communities: [community] } },
  };
};

const table = (count: number, attributes: PathAttributes): RouteAnnouncements => ({
  withdrawn: [],
  announcements: [
    { prefixes: Array.from({ length: count }, (_, i) => ({ address: 0x0a000000 + i * 256, length: 24 })), attributes },
  ],
});

describe("a peer that reads", () => {
  test("is told at once, prefixes of one path together", () => {
    const { outbox, said } = scene();
    outbox.tell({ ...announce(path(1), "10.1.0.0/16", "10.2.0.0/16"), withdrawn: [prefix("10.3.0.0/16")] });
    outbox.mark(endOfRib(IPV4_UNICAST));
    outbox.mark(endOfRib(IPV6_UNICAST));
    expect(said).toEqual([["-10.3.0.0/16", "+10.1.0.0/16 1", "+10.2.0.0/16 1"], ["end of 1"], ["end of 2"]]);
    expect(outbox.length).toBe(0);
  });

  test("gets a table in turns, each of 2048 prefixes at most, all of it and in order", async () => {
    const { outbox, said } = scene();
    outbox.tell(table(10_000, path(1)));
    expect(said.flat().length).toBe(2048);
    outbox.mark(endOfRib(IPV4_UNICAST));
    await eventually("all", () => outbox.length === 0);
    expect(said.flat()).toEqual([...Array.from({ length: 10_000 }, (_, i) => `+10.${i >> 8}.${i & 255}.0/24 1`), "end of 1"]);
  });

  test("is told again between marks; without them where it knows none", () => {
    for (const isMarked of [true, false]) {
      const { outbox, said } = scene();
      outbox.again(request, isMarked, [announce(path(1), "10.1.0.0/16")]);
      expect(said.flat()).toEqual(isMarked ? ["begin", "+10.1.0.0/16 1", "end"] : ["+10.1.0.0/16 1"]);
      expect(outbox.length).toBe(0);
    }
  });
});

describe("a peer that does not read", () => {
  test("has one word for each prefix before it, the last, and hears the changes that it missed as none", () => {
    const { outbox, said, take } = scene(0);
    for (let change = 0; change < 1000; change++) outbox.tell(announce(path(change), "10.1.0.0/16", "10.2.0.0/16"));
    outbox.tell(withdraw("10.1.0.0/16"));
    outbox.mark(endOfRib(IPV4_UNICAST));
    outbox.tell(announce(path(7), "10.3.0.0/16"));
    outbox.tell(announce(path(8), "10.2.0.0/16"));
    expect([said, outbox.length]).toEqual([[], 4]);
    take(1);
    expect(said).toEqual([["-10.1.0.0/16", "+10.2.0.0/16 8"], ["end of 1"]]);
    take(9);
    expect(said.slice(2)).toEqual([["+10.3.0.0/16 7"]]);
  });

  test("gets a table piece by piece, with what has changed since", () => {
    const { outbox, said, take } = scene(0);
    outbox.tell(table(1000, path(1)));
    take(1);
    expect([said.flat().length, outbox.length]).toEqual([256, 744]);
    outbox.tell(announce(path(2), "10.0.0.0/24", "10.3.231.0/24"));
    take(9);
    expect(said.flat().slice(-2)).toEqual(["+10.3.231.0/24 2", "+10.0.0.0/24 2"]);
    expect([said.flat().length, outbox.length]).toEqual([1001, 0]);
  });

  test("may ask as often as it likes: it is answered once, and all of the answer is behind the mark", () => {
    const { outbox, said, take } = scene(0);
    let asked = 0;
    const everything = function* () {
      asked++;
      yield announce(path(1), "10.1.0.0/16");
    };
    outbox.tell({ ...announce(path(1), "10.1.0.0/16"), withdrawn: [prefix("10.9.0.0/16")] });
    for (let times = 0; times < 1000; times++) outbox.again(request, true, everything());
    expect([asked, outbox.length]).toEqual([0, 5]);
    take(9);
    expect(asked).toBe(1);
    expect(said.flat()).toEqual(["-10.9.0.0/16", "+10.1.0.0/16 1", "begin", "+10.1.0.0/16 1", "end"]);
  });

  test("is told a table piece by piece, each chosen when there is room, and nothing twice that waits", () => {
    const { outbox, said, take } = scene(0);
    let chosen = 0;
    const pieces = function* () {
      for (; chosen < 3; chosen++) yield announce(path(chosen), `10.${chosen}.0.0/16`);
    };
    outbox.tellAll("table", pieces());
    outbox.tellAll("table", pieces());
    outbox.mark(endOfRib(IPV4_UNICAST));
    take(1);
    outbox.tell(announce(path(9), "10.2.0.0/16", "10.9.0.0/16"));
    expect([chosen, outbox.length]).toEqual([0, 4]);
    take(9);
    expect(said.flat()).toEqual(["+10.0.0.0/16 0", "+10.1.0.0/16 1", "+10.2.0.0/16 2", "end of 1", "+10.9.0.0/16 9"]);
  });

  test("ends with what the router wants it to have, whatever changes while it is told, reads and asks", async () => {
    const prefixes = ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"];
    const change = fc.tuple(fc.constantFrom(...prefixes), fc.option(fc.nat(3), { nil: undefined }));
    const step = fc.oneof(change, fc.record({ room: fc.nat(2) }), fc.constantFrom("refresh" as const, "reload" as const));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const routes = new Map<string, Route>();
        const peer = { address: address("10.0.0.2"), type: "external", nextHops: { ipv4: address("10.0.0.1") } } as const;
        const adjOut = createAdjOut({
          rib: {
            route: (one) => routes.get(formatPrefix(one)),
            *prefixes() {
              for (const text of routes.keys()) yield [prefix(text)];
            },
          },
          networks: () => [],
          policy: () => ({ announce: [parsePrefixRule("0.0.0.0/0 le 32") as PrefixRule], nextHopSelf: false, prepend: [1] }),
        });
        /** What the peer holds, and what of it was not said again since the mark (RFC 7313). */
        const held = new Map<string, number | undefined>();
        const stale = new Set<string>();
        let room = 0;
        const outbox = new Outbox({
          asnSize: 4,
          hasRoom: () => room > 0,
          onTooLong: () => undefined,
          send(message) {
            room--;
            if (message.kind === "route-refresh" && message.subtype === 1) for (const text of held.keys()) stale.add(text);
            if (message.kind === "route-refresh" && message.subtype === 2) {
              for (const text of stale) held.delete(text);
              stale.clear();
            }
            if (message.kind !== "update") return;
            for (const text of message.withdrawn.map(formatPrefix)) held.delete(text);
            for (const { prefixes, attributes } of message.announcements)
              for (const text of prefixes.map(formatPrefix)) {
                held.set(text, attributes.communities?.[0]);
                stale.delete(text);
              }
          },
        });
        outbox.tellAll("table", adjOut.open(peer));
        for (const one of steps) {
          if (one === "refresh") outbox.again(request, true, adjOut.again(peer.address, "ipv4"));
          else if (one === "reload") for (const [, pieces] of adjOut.lookAtAll()) outbox.tellAll("table", pieces);
          else if ("room" in one) {
            room = one.room;
            outbox.flush();
          } else {
            const [text, community] = one;
            if (community === undefined) routes.delete(text);
            else routes.set(text, routeSaying(community));
            for (const [, news] of adjOut.look([prefix(text)])) outbox.tell(news);
          }
        }
        room = Number.POSITIVE_INFINITY;
        outbox.flush();
        while (outbox.length > 0) await new Promise(setImmediate);
        expect(held).toEqual(new Map(Array.from(routes, ([text, { best }]) => [text, best?.attributes.communities?.[0]])));
      }),
    );
  });

  test("asks again while it is answered: from the second beginning on it hears all, and one end", () => {
    const { outbox, said, take } = scene(0);
    const everything = [table(200, path(1)), table(100, path(1))];
    outbox.again(request, true, everything);
    take(2);
    expect(said.flat().length).toBe(201);
    outbox.again(request, true, everything);
    // The rest of the first answer, and of the second the beginning, the table and the end of both.
    expect(outbox.length).toBe(4);
    take(9);
    const all = said.flat();
    expect(all.lastIndexOf("begin")).toBeGreaterThan(0);
    expect(all.slice(all.lastIndexOf("begin")).length).toBe(302);
    expect(all.filter((one) => one === "end").length).toBe(1);
  });
});

test("prefixes with a path that fills a message are withdrawn, and said to be", () => {
  const { outbox, said, tooLong } = scene();
  outbox.tell({ ...announce(path(1, 1100), "10.1.0.0/16", "10.2.0.0/16") });
  outbox.tell(announce(path(1), "10.3.0.0/16"));
  expect(said).toEqual([["-10.1.0.0/16", "-10.2.0.0/16"], ["+10.3.0.0/16 1"]]);
  expect(tooLong).toEqual(["10.1.0.0/16", "10.2.0.0/16"]);
});

test("what was not said when the session ends is not said", () => {
  const { outbox, said, take } = scene(0);
  outbox.tell(announce(path(1), "10.1.0.0/16"));
  outbox.close();
  take(9);
  outbox.tell(NOTHING);
  expect(said).toEqual([]);
});
