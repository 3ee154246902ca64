/** Our side of `record.sh`: a speaker that all three dial, with a journal in both forms. Says on stdout how far they are. */

import { parseAddress } from "../../../dist/src/net/address.js";
import { systemClock } from "../../../dist/src/net/clock.js";
import { seededRandom } from "../../../dist/src/net/random.js";
import { Journal } from "../../../dist/src/speaker/journal.js";
import { Speaker } from "../../../dist/src/speaker/speaker.js";

const journals = ["json", "mrt"].map((format) => {
  const journal = new Journal((file, problem) => console.error(file, problem));
  const file = format === "json" ? "journal.jsonl" : "journal.mrt";
  void journal.configure({ file, format, maximumMegabytes: 1, files: 1 });
  return journal;
});

const ours = parseAddress("10.9.0.1");
let told = 0;
const speaker = new Speaker({
  asn: 65000,
  routerId: ours,
  holdTimeSeconds: 90,
  connectRetrySeconds: 5,
  listen: { address: ours, port: 179 },
  clock: systemClock,
  random: seededRandom(1),
  record: (record) => {
    for (const journal of journals) journal.record(record);
  },
  onUpdate: () => undefined,
  onEvent: ({ kind, neighbor }) => {
    if (kind === "session-up" && ++told === 3) console.log("all there");
    if (kind === "session-down" && neighbor === parseAddress("10.9.0.3")) {
      void Promise.all(journals.map((journal) => journal.configure(undefined))).then(() => console.log("BIRD is gone"));
    }
  },
});
await speaker.start();
for (const [index, host] of ["10.9.0.2", "10.9.0.3", "10.9.0.4"].entries()) {
  speaker.addNeighbor({ address: parseAddress(host), remoteAsn: 65001 + index, passive: true });
}
