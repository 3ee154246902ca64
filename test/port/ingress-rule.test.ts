import { describe, expect, test } from "vitest";
import { parseAddress } from "#src/net/address.ts";
import { parseInterfaceAddress } from "#src/net/prefix.ts";
import { allowedAt, ownAddresses, renderIngressRule } from "#src/port/ingress-rule.ts";
import type { InterfaceInfo } from "#src/port/interface.ts";

describe("rendering", () => {
  const addresses = ["10.1.0.1", "10.1.0.255", "2001:db8::1"].map((text) => parseAddress(text)!);

  const guarded = (...names: string[]) => names.map((name) => ({ name, isTagged: false }));

  test("replaces a table of the same name in one transaction, and accepts what is listed", () => {
    const linkLocals = ["r0", "r1.5"].map((name) => ({ interface: name, address: parseAddress("fe80::1")! }));
    expect(renderIngressRule({ table: "t", interfaces: guarded("r0", "r1.5"), addresses, linkLocals })).toBe(
      [
        "table netdev t",
        "delete table netdev t",
        "table netdev t {",
        "  chain ingress {",
        '    type filter hook ingress devices = { "r0", "r1.5" } priority -500; policy drop;',
        "    ip daddr { 10.1.0.1, 10.1.0.255 } accept",
        "    ip daddr != 224.0.0.0/4 drop",
        "    meta protocol arp accept",
        "    ip daddr 224.0.0.0/4 accept",
        "    ip6 daddr { 2001:db8::1 } accept",
        "    ip6 daddr ff00::/8 accept",
        '    iifname . ip6 daddr { "r0" . fe80::1, "r1.5" . fe80::1 } accept',
        "  }",
        "}",
        "",
      ].join("\n"),
    );
  });

  test("drops first what comes without a tag where the router speaks with tags only", () => {
    const interfaces = [...guarded("r0"), { name: "r1", isTagged: true }, { name: "r2", isTagged: true }];
    const lines = renderIngressRule({ table: "t", interfaces, addresses, linkLocals: [] }).split("\n");
    expect(lines.slice(4, 8)).toEqual([
      '    type filter hook ingress devices = { "r0", "r1", "r2" } priority -500; policy drop;',
      '    iifname { "r1", "r2" } ether type != { 8021q, 8021ad } drop',
      '    iifname { "r1", "r2" } vlan id 0 drop',
      "    ip daddr { 10.1.0.1, 10.1.0.255 } accept",
    ]);
  });

  test("leaves out a family without addresses", () => {
    const text = renderIngressRule({ table: "t", interfaces: guarded("r0"), addresses: [], linkLocals: [] });
    expect(text).not.toMatch(/\{ \}/);
  });

  const info = (...texts: string[]) =>
    ({ addresses: texts.map((text) => parseInterfaceAddress(text)!) }) as unknown as InterfaceInfo;

  test("own addresses are those of all interfaces with their broadcasts, but not 127.0.0.0/8 and ::1", () => {
    const wanted = ["10.1.0.1", "10.1.0.255", "10.3.0.0", "192.0.2.1", "255.255.255.255", "2001:db8::1"];
    expect(
      ownAddresses([info("127.0.0.1/8", "::1/128", "192.0.2.1/32"), info("10.1.0.1/24", "10.3.0.0/31", "2001:db8::1/64")]),
    ).toEqual(wanted.map((text) => parseAddress(text)));
  });

  test("a link-local address is accepted at its own interface, and at each if it belongs to another one", () => {
    const all = ["r0", "r1", "r1.5"].map((name, i) => ({ ...info(`fe80::${i}/64`, `2001:db8:${i}::1/64`), name }));
    expect(allowedAt(["r0", "r1"], all)).toEqual({
      addresses: ["255.255.255.255", "2001:db8::1", "2001:db8:1::1", "2001:db8:2::1", "fe80::2"].map(parseAddress),
      linkLocals: [
        { interface: "r0", address: parseAddress("fe80::") },
        { interface: "r1", address: parseAddress("fe80::1") },
      ],
    });
  });
});
