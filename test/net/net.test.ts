import fc from "fast-check";
import { Address6 } from "ip-address";
import { describe, expect, it } from "vitest";
import { addressToBytes, compareAddresses, formatAddress, parseAddress, readIpv4, readIpv6 } from "#src/net/address.ts";
import { formatFlow, parseFlow } from "#src/net/flow.ts";
import { formatMac, macHigh, macLow, parseMac } from "#src/net/mac.ts";
import {
  formatPrefix,
  hostPrefix,
  maskAddress,
  parseInterfaceAddress,
  parsePrefix,
  prefixContains,
  prefixKey,
} from "#src/net/prefix.ts";
import { randomBelow, seededRandom } from "#src/net/random.ts";

const ipv4Text = fc.ipV4();
const ipv6Text = fc.ipV6();

describe("addresses", () => {
  it.each([
    ["0.0.0.0", 0],
    ["10.0.0.1", 0x0a000001],
    ["255.255.255.255", 0xffffffff],
    ["2001:db8::1", "20010db8000000000000000000000001"],
    ["::", "0".repeat(32)],
    ["::ffff:10.0.0.1", "00000000000000000000ffff0a000001"],
    ["fe80::1%eth0", "fe800000000000000000000000000001%eth0"],
  ])("%s is %s", (text, value) => {
    expect(parseAddress(text)).toBe(value);
  });

  it.each([
    "",
    "10.0.0",
    "10.0.0.256",
    "010.0.0.1",
    "10.0.0.1/8",
    "1.2.3.4.5",
    "2001:db8::1%eth0",
    "fe80::1%",
    "fe80::1%a%b",
    "fe80::1%eth0/64",
    "::1/128",
    "1::2::3",
    "12345::",
  ])("%s is no address", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it("come back from their own text, bytes and order", () => {
    fc.assert(
      fc.property(fc.oneof(ipv4Text, ipv6Text), fc.oneof(ipv4Text, ipv6Text), (one, other) => {
        const a = parseAddress(one) as number | string;
        const b = parseAddress(other) as number | string;
        expect(parseAddress(formatAddress(a))).toBe(a);
        const bytes = addressToBytes(a);
        expect(bytes.length === 4 ? readIpv4(bytes, 0) : readIpv6(bytes, 0)).toBe(a);
        expect(Math.sign(compareAddresses(a, b))).toBe(-Math.sign(compareAddresses(b, a)) + 0 || 0);
        const byBytes =
          addressToBytes(a).length - addressToBytes(b).length || Buffer.compare(addressToBytes(a), addressToBytes(b));
        expect(Math.sign(compareAddresses(a, b))).toBe(Math.sign(byBytes));
      }),
    );
  });

  // The examples of RFC 5952 sections 4.1 to 4.3, and the ends.
  it.each([
    ["2001:0db8::0001", "2001:db8::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:1:2:3:4:0:0", "::1:2:3:4:0:0"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"],
    ["::ffff:a00:1", "::ffff:10.0.0.1"],
  ])("prints %s as RFC 5952 wants it, %s", (text, printed) => {
    expect(formatAddress(parseAddress(text) as string)).toBe(printed);
  });

  it("of IPv6 are read and printed as the package ip-address does it", () => {
    const group = fc.constantFrom("0", "0", "0", "1", "db8", "0db8", "FFFF", "", "10.0.0.1", "12345", "g", "256.0.0.1");
    const text = fc.oneof(
      ipv6Text,
      fc.array(group, { minLength: 6, maxLength: 9 }).map((groups) => groups.join(":")),
    );
    fc.assert(
      fc.property(text, (written) => {
        const twin = Address6.isValid(written) ? new Address6(written) : undefined;
        const address = parseAddress(written);
        expect(address).toBe(twin?.canonicalForm().replaceAll(":", ""));
        if (address !== undefined) expect(formatAddress(address)).toBe(twin?.correctForm());
      }),
      { numRuns: 2000 },
    );
  });
});

describe("prefixes", () => {
  it("refuses host bits, and interface addresses allow them", () => {
    expect(parsePrefix("10.0.0.1/24")).toBeUndefined();
    expect(parsePrefix("10.0.0.0/33")).toBeUndefined();
    expect(parseInterfaceAddress("10.0.0.1/24")).toEqual({ address: 0x0a000001, length: 24 });
    expect(formatPrefix(parsePrefix("2001:db8::/33") as never)).toBe("2001:db8::/33");
  });

  it("masks bit by bit, for every length", () => {
    fc.assert(
      fc.property(fc.oneof(ipv4Text, ipv6Text), fc.nat(128), (text, wanted) => {
        const address = parseAddress(text) as number | string;
        const length = Math.min(wanted, hostPrefix(address).length);
        const bits = (value: number | string) =>
          [...addressToBytes(value)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
        const masked = maskAddress(address, length);
        expect(bits(masked)).toBe(bits(address).slice(0, length).padEnd(bits(address).length, "0"));
        expect(prefixContains({ address: masked, length }, address)).toBe(true);
      }),
    );
  });

  it("have keys of their own", () => {
    const texts = ["0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "10.0.0.0/9", "255.255.255.255/32", "::/0", "::/1", "2001:db8::/32"];
    expect(new Set(texts.map((text) => prefixKey(parsePrefix(text) as never))).size).toBe(texts.length);
  });
});

describe("flows", () => {
  it.each([
    "tcp 10.0.0.2:1000 192.0.2.1:80",
    "udp [2001:db8::1]:53 [2001:db8::2]:5353",
    "icmp 10.0.0.2 192.0.2.1",
    "47 10.0.0.2 192.0.2.1",
  ])("%s comes back", (text) => {
    const flow = parseFlow(text);
    expect(parseFlow(formatFlow(flow as never))).toEqual(flow);
  });

  it.each([
    "tcp 10.0.0.2:1000",
    "foo 10.0.0.2:1 10.0.0.3:2",
    "tcp 10.0.0.2:70000 10.0.0.3:2",
    "tcp 10.0.0.2:1 [::1]:2",
    "256 1.1.1.1 2.2.2.2",
  ])("%s is none", (text) => {
    expect(parseFlow(text)).toBeUndefined();
  });
});

describe("MACs and random numbers", () => {
  it("splits a MAC into the words that frames hold", () => {
    const mac = parseMac("02:ab:cd:ef:01:23") as number;
    expect([macHigh(mac), macLow(mac), formatMac(mac)]).toEqual([0x02ab, 0xcdef0123, "02:ab:cd:ef:01:23"]);
    expect(parseMac("02:ab:cd:ef:01")).toBeUndefined();
  });

  it("gives the same numbers for the same seed, evenly", () => {
    const first = seededRandom(7);
    const second = seededRandom(7);
    const counts = new Array<number>(10).fill(0);
    let different = 0;
    for (let i = 0; i < 100_000; i++) {
      const number = first();
      if (second() !== number) different++;
      counts[Math.floor((number / 2 ** 32) * 10)]++;
    }
    expect(different).toBe(0);
    // Chi-square of 9 degrees of freedom: 27.9 is its 0.999 quantile.
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(27.9);
    expect(randomBelow(() => 0xffffffff, 6)).toBe(5);
  });
});
