/** conntrack's own words (conntrack-tools 1.4.7), and whose packets they tell of. */
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { namesBehind, parseTracked, podsDrawn, trackedBy } from "#src/lab/connection-tracking.ts";
import { nodeNamed } from "#src/lab/lab.ts";
import { formatFlow } from "#src/net/flow.ts";

const SAID = `tcp      6 431999 ESTABLISHED src=10.0.1.2 dst=198.51.100.10 sport=20000 dport=80 src=10.244.2.2 dst=10.0.0.11 sport=8080 dport=5123 [ASSURED] mark=0 use=1
tcp      6 118 SYN_SENT src=2001:db8:1::2 dst=2001:db8:5::10 sport=20001 dport=80 [UNREPLIED] src=2001:db8:2::2 dst=2001:db8::11 sport=8080 dport=61000 mark=0 use=1
udp      17 29 src=10.0.1.2 dst=198.51.100.10 sport=20002 dport=53 [UNREPLIED] src=10.244.2.2 dst=10.0.0.11 sport=5353 dport=40000 mark=0 use=1
icmp     1 29 src=10.0.1.2 dst=198.51.100.10 type=8 code=0 id=7 src=198.51.100.10 dst=10.0.1.2 type=0 code=0 id=7 mark=0 use=1
conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.
`;

describe("a kernel's list of connections", () => {
  const tracked = parseTracked(SAID);

  it("is read for both tuples, whatever stands between them", () => {
    expect(tracked.map(({ original, reply }) => [original, reply].map(formatFlow))).toEqual([
      ["tcp 10.0.1.2:20000 198.51.100.10:80", "tcp 10.244.2.2:8080 10.0.0.11:5123"],
      ["tcp [2001:db8:1::2]:20001 [2001:db8:5::10]:80", "tcp [2001:db8:2::2]:8080 [2001:db8::11]:61000"],
      ["udp 10.0.1.2:20002 198.51.100.10:53", "udp 10.244.2.2:5353 10.0.0.11:40000"],
    ]);
  });

  it("leads from a packet between node and pod to the client's flow, in both directions", () => {
    const whose = new Map(tracked.flatMap(namesBehind));
    expect(whose.size).toBe(6);
    expect(whose.get("tcp 10.0.0.11:5123 10.244.2.2:8080")).toBe("tcp 10.0.1.2:20000 198.51.100.10:80");
    expect(whose.get("tcp [2001:db8:2::2]:8080 [2001:db8::11]:61000")).toBe("tcp [2001:db8:1::2]:20001 [2001:db8:5::10]:80");
  });

  it("tells which nodes have seen a flow, and which pod was drawn for it, answered or not", () => {
    const lab = loadLab("metallb-bgp");
    const tracking = [{ node: nodeNamed(lab, "n1"), connections: tracked }];
    expect(trackedBy(tracking).get("udp 10.0.1.2:20002 198.51.100.10:53")).toEqual(new Set(["10.0.0.11"]));
    expect([...podsDrawn(lab, tracking)]).toEqual([
      ["tcp 10.0.1.2:20000 198.51.100.10:80", "n2-a"],
      ["udp 10.0.1.2:20002 198.51.100.10:53", "n2-a"],
    ]);
  });
});
