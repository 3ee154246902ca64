/** The process of one pod: `node pod-process.js NAME PROTOCOL/ADDRESS/PORT...` (tcp, udp). Says `ready` when it listens; SIGTERM ends it. */
import { PodServer } from "./pod.ts";
import { PodDatagrams } from "./pod-datagrams.ts";

const [name, ...listens] = process.argv.slice(2);
const servers = listens.map((each) => (each.startsWith("udp/") ? new PodDatagrams(name) : new PodServer(name)));

process.on("SIGTERM", () => {
  for (const each of servers) each.close();
});
await Promise.all(
  listens.map((each, index) => {
    const [, address, port] = each.split("/");
    return servers[index].listen(Number(port), address);
  }),
);
console.log("ready");
