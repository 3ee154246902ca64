/**
 * The parts of the BGP bench that are ours, each a process: `receive ADDRESS PREFIXES` is our speaker and RIB, without a data
 * plane as the daemons beside it, and prints a line when it listens and one when it has that many prefixes in force.
 */
import { formatAddress, parseIpv4 } from "../src/net/address.ts";
import { delay, systemClock } from "../src/net/clock.ts";
import { type Prefix, parseInterfaceAddress } from "../src/net/prefix.ts";
import { seededRandom } from "../src/net/random.ts";
import { ACCEPT_EVERYTHING } from "../src/rib/policy.ts";
import { createRib } from "../src/rib/table.ts";
import { Speaker } from "../src/speaker/speaker.ts";

const [role, ownText = "", neighborText = "", asnText = ""] = process.argv.slice(2);
if (role !== "receive") throw new Error(`${role}: no such role, wanted receive`);
const own = parseIpv4(ownText) ?? 0;
const neighbor = parseIpv4(neighborText) ?? 0;

const rib = createRib();
rib.configure({
  routerId: own,
  interfaces: [parseInterfaceAddress(`${ownText}/24`) as Prefix],
  staticRoutes: [],
  maximumPaths: 64,
  multipathRelax: false,
  linkBandwidth: "all-or-none",
  importPolicy: () => ACCEPT_EVERYTHING,
});
let latestKeepaliveGapMs = 0;
let longestTurnMs = 0;
const speaker = new Speaker({
  asn: 65000,
  routerId: own,
  listen: { address: own, port: 179 },
  holdTimeSeconds: 90,
  connectRetrySeconds: 5,
  clock: systemClock,
  random: seededRandom(1),
  onUpdate: (update) => void rib.applyUpdate(update),
  onEvent: ({ kind, neighbor: at }) => kind === "session-down" && console.error(`${formatAddress(at)} is down`),
});
await speaker.start();
speaker.addNeighbor({ address: neighbor, remoteAsn: Number(asnText), passive: true });
console.log("listening");

/** How long a timer waits beyond its time: what a keepalive would. */
let lastMs = systemClock.nowMs();
for (;;) {
  await delay(systemClock, 10);
  const nowMs = systemClock.nowMs();
  latestKeepaliveGapMs = nowMs - lastMs - 10;
  longestTurnMs = Math.max(longestTurnMs, latestKeepaliveGapMs);
  lastMs = nowMs;
  console.log(JSON.stringify({ prefixes: rib.received(neighbor, "ipv4"), longestTurnMs: Math.round(longestTurnMs) }));
}
