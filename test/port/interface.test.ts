import { describe, expect, test } from "vitest";
import { formatAddress } from "#src/net/address.ts";
import { formatMac } from "#src/net/mac.ts";
import { formatPrefix, parseInterfaceAddress, subnetBroadcast } from "#src/net/prefix.ts";
import { findInterface, listInterfaces } from "#src/port/interface.ts";
import { inNamespace, run } from "../common/namespace.ts";

await inNamespace(import.meta.url, () => {
  test("interfaces that are down are listed with all that is known of them", async () => {
    run("ip link add name if0 address 02:00:00:00:00:0a mtu 1400 type veth peer name if1");
    run("ip addr add 10.1.0.1/24 dev if0");
    run("ip -6 addr add 2001:db8::1/64 dev if0 nodad");
    const info = findInterface("if0");
    expect(info).toMatchObject({ name: "if0", mtu: 1400, up: false, running: false, loopback: false });
    expect(formatMac(info.mac)).toBe("02:00:00:00:00:0a");
    expect(info.index).toBe(JSON.parse(run("ip -j link show if0"))[0].ifindex);
    expect(info.addresses.map(formatPrefix)).toEqual(["10.1.0.1/24", "2001:db8::1/64"]);
    run("ip link set dev if0 up");
    run("ip link set dev if1 up");
    expect(findInterface("if0").up).toBe(true);
    await expect.poll(() => findInterface("if0").running).toBe(true);
  });

  test("the loopback interface is one, without a hardware address", () => {
    expect(listInterfaces()[0]).toMatchObject({ name: "lo", mac: 0, loopback: true });
  });

  test("an unknown name is an error that lists the known ones", () => {
    expect(() => findInterface("nowhere0")).toThrow(/interface "nowhere0": there is none; wanted one of lo/);
  });

  describe("subnet broadcast", () => {
    test.each([
      ["10.1.2.3/24", "10.1.2.255"],
      ["10.1.2.3/30", "10.1.2.3"],
      ["200.1.2.3/1", "255.255.255.255"],
      ["10.1.2.3/0", "255.255.255.255"],
      ["10.1.2.2/31", undefined],
      ["10.1.2.2/32", undefined],
      ["2001:db8::1/64", undefined],
    ])("of %s is %s", (text, wanted) => {
      const broadcast = subnetBroadcast(parseInterfaceAddress(text)!);
      expect(broadcast === undefined ? undefined : formatAddress(broadcast)).toBe(wanted);
    });
  });
});
