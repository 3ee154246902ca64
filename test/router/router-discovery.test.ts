import { describe, expect, it } from "vitest";
import { createRouterDiscovery } from "#src/router/router-discovery.ts";
import { decodeRouterMessage } from "#src/wire/router-discovery.ts";
import { createFakeClock } from "../common/fake-clock.ts";

const OURS = "fe800000000000000000000000000001";
const [THEIRS, OTHER] = ["fe800000000000000000000000000002", "fe800000000000000000000000000003"];

function prepare({ linkLocal }: { linkLocal: string | undefined } = { linkLocal: OURS }) {
  const clock = createFakeClock();
  const sent: string[] = [];
  const changes: (readonly [string, unknown])[] = [];
  const links = ["eth1"];
  const discovery = createRouterDiscovery({
    clock,
    ports: ["eth0", "eth1"].map((name, i) => ({ name, mac: () => 0x020000000001 + i, linkLocal: () => linkLocal })),
    links: () => links,
    send: (port, frame) => {
      const message = decodeRouterMessage(frame, 0, frame.length);
      const lifetime = message?.kind === "advertisement" ? ` ${message.lifetimeSeconds}` : "";
      sent.push(`${port} ${message?.kind}${lifetime}`);
    },
    onChange: (link, router) => changes.push([link, router]),
  });
  const hear = (source: string, lifetimeSeconds = 30, port = 1): void =>
    discovery.receive({ kind: "advertisement", source, lifetimeSeconds }, port);
  return { clock, sent, changes, links, discovery, hear };
}

function discover(options?: { linkLocal: string | undefined }) {
  const made = prepare(options);
  made.discovery.start();
  return made;
}

describe("router discovery", () => {
  it("advertises us on unnumbered links, and asks until somebody has answered", () => {
    const { clock, sent, hear, discovery } = discover();
    clock.advance(0);
    expect(sent.splice(0)).toEqual(["1 advertisement 30", "1 solicitation"]);
    hear(THEIRS);
    clock.advance(10_000);
    expect(sent.splice(0)).toEqual(["1 advertisement 30"]);
    discovery.stop();
    expect(sent).toEqual(["1 advertisement 0"]);
    expect(clock.pending).toBe(0);
  });

  it("keeps to the first router of a link until its advertisements run out, or it says that it is none", () => {
    const { clock, changes, hear, discovery } = discover();
    hear(THEIRS);
    hear(OTHER);
    expect(discovery.routerOn("eth1")).toBe(`${THEIRS}%eth1`);
    clock.advance(40_000);
    expect(discovery.routerOn("eth1")).toBeUndefined();
    hear(OTHER);
    hear(THEIRS, 0);
    expect(discovery.routerOn("eth1")).toBe(`${OTHER}%eth1`);
    hear(OTHER, 0);
    expect(changes.map(([, router]) => router)).toEqual([`${THEIRS}%eth1`, undefined, `${OTHER}%eth1`, undefined]);
  });

  it("hands what it knows to another, without a farewell, and says nothing before it has started", () => {
    const before = discover();
    before.clock.advance(0);
    before.hear(THEIRS);
    before.sent.splice(0);
    const { clock, sent, discovery } = prepare();
    clock.advance(20_000);
    expect(sent).toEqual([]);
    discovery.start(before.discovery.handOver());
    before.discovery.stop();
    clock.advance(0);
    expect([discovery.routerOn("eth1"), sent, before.sent]).toEqual([`${THEIRS}%eth1`, ["1 advertisement 30"], []]);
    expect(before.clock.pending).toBe(0);
  });

  it("answers a question, but not every one", () => {
    const { clock, sent, discovery } = discover();
    clock.advance(5000);
    sent.splice(0);
    for (let i = 0; i < 5; i++) discovery.receive({ kind: "solicitation" }, 1);
    expect(sent).toEqual(["1 advertisement 30"]);
  });

  it("neither says nor believes anything on other ports, nor says anything without an address", () => {
    const { clock, sent, changes, hear, links } = discover();
    hear(THEIRS, 30, 0);
    expect(changes).toEqual([]);
    links.pop();
    clock.advance(20_000);
    expect(sent).toEqual([]);
    const mute = discover({ linkLocal: undefined });
    mute.clock.advance(20_000);
    expect(mute.sent).toEqual([]);
  });
});
