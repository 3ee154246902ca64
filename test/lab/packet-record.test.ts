/** What the kernel notes of real packets, and how it is read: each family and protocol, and columns beside them. */
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect, it } from "vitest";
import { flowSets, noteFlow, readFlowSets } from "#src/lab/packet-record.ts";
import { here } from "#src/lab/place.ts";
import { formatFlow } from "#src/net/flow.ts";
import { inNamespace } from "../common/namespace.ts";

const RULES = `table netdev witness {
  ${flowSets("seen", "mark")}
  ${flowSets("other")}
  chain ingress {
    type filter hook ingress device lo priority 0;
    ${noteFlow("seen", "meta mark")}
  }
}
`;

/** Source port of a datagram from one loopback socket to another, when it has arrived. */
async function sendDatagram(type: "udp4" | "udp6", address: string, port: number): Promise<number> {
  const [receiver, sender] = [createSocket(type), createSocket(type)];
  receiver.bind(port, address);
  await once(receiver, "listening");
  sender.send("x", port, address);
  const [, { port: source }] = (await once(receiver, "message")) as [Buffer, { port: number }];
  receiver.close();
  sender.close();
  return source;
}

async function openConnection(host: string, port: number): Promise<number> {
  const server = createServer().listen(port, host);
  await once(server, "listening");
  const socket = connect({ host, port });
  await once(socket, "connect");
  const source = (socket.address() as AddressInfo).port;
  socket.destroy();
  server.close();
  return source;
}

await inNamespace(import.meta.url, () => {
  it("the kernel's notes name flows of IPv4 and IPv6, TCP and UDP, by all four of their ends", async () => {
    expect(spawnSync("ip", ["link", "set", "lo", "up"]).status).toBe(0);
    expect(spawnSync("nft", ["-f", "-"], { input: RULES, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    const wanted = [
      `udp 127.0.0.1:${await sendDatagram("udp4", "127.0.0.1", 4000)} 127.0.0.1:4000`,
      `udp [::1]:${await sendDatagram("udp6", "::1", 4001)} [::1]:4001`,
      `tcp 127.0.0.1:${await openConnection("127.0.0.1", 4002)} 127.0.0.1:4002`,
      `tcp [::1]:${await openConnection("::1", 4003)} [::1]:4003`,
    ];
    const notes = await readFlowSets(here, "witness", "seen");
    expect(notes.map(({ flow }) => formatFlow(flow))).toEqual(expect.arrayContaining(wanted));
    expect(new Set(notes.flatMap(({ columns }) => columns))).toEqual(new Set(["0"]));
    expect(await readFlowSets(here, "witness", "other")).toEqual([]);
  });
});
