// A process that has flows carried from r0 to r1: of the frame that the arguments tell, as it leaves. Closes what it has opened when it is told to, and stays.
import { openFlowOffload } from "#src/port/flow-offload.ts";
import { findInterface } from "#src/port/interface.ts";
import { PacketRing } from "#src/port/packet-ring.ts";
import { countProcessors } from "#src/port/processors.ts";

const [frame, nextHop] = process.argv.slice(2);
const size = { ports: 2, processors: countProcessors(), lanes: 1, nextHops: 1024, flows: 64, seed: 7 };
const { memory, shared, follow, close } = openFlowOffload(size, [true, true]);
for (const port of [0, 1]) follow(port, findInterface(`r${port}`).index, 1500);
const ring = new PacketRing({ interface: "r0", isDeaf: true });
ring.listen(undefined, { filter: shared.filters[0][0], progress: memory.progressOf(0, 0) });
memory.setGeneration(1);
memory.enter(1, Buffer.from(frame, "hex"), 0, 0, 1, Number(nextHop), 0);
process.stdin.once("data", () => {
  close();
  console.log("closed");
});
console.log("open");
