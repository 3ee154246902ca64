/** The process of one pod: `node pod-process.js NAME ADDRESS PORT...`. Says `ready` when it listens; SIGTERM ends it. */
import { PodServer } from "./pod.ts";

const [name, address, ...ports] = process.argv.slice(2);
const server = ports.map(() => new PodServer(name));

process.on("SIGTERM", () => {
  for (const each of server) each.close();
});
await Promise.all(ports.map((port, index) => server[index].listen(Number(port), address)));
console.log("ready");
