/**
 * The process of one pod: `node pod-process.js NAME LANGUAGE/ADDRESS/PORT...` (tcp, udp, http). Says `ready` when it listens;
 * SIGTERM ends it.
 */
import { PodServer } from "./pod.ts";
import { PodDatagrams } from "./pod-datagrams.ts";
import { PodHttp } from "./pod-http.ts";

const [name, ...listens] = process.argv.slice(2);
const LANGUAGES: Readonly<Record<string, new (name: string) => PodServer | PodDatagrams | PodHttp>> = {
  tcp: PodServer,
  udp: PodDatagrams,
  http: PodHttp,
};
const servers = listens.map((each) => new LANGUAGES[each.split("/")[0]](name));

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
