// Worker: sends traffic and posts the result. It blocks in native code for as long as that takes. With a word to `stop` it sends the
// count again and again until that is not zero.

import { parentPort, workerData } from "node:worker_threads";
import { loadNative } from "#native";

const { interfaceName, frame, count, seconds, packetsPerSecond, flows, checksum, stop } = workerData;
const generate = () => loadNative().generate(interfaceName, frame, count, seconds, packetsPerSecond, flows, checksum);
let result = generate();
while (stop !== undefined && Atomics.load(stop, 0) === 0) {
  const { sent, refusals, seconds: more } = generate();
  result = { sent: result.sent + sent, refusals: result.refusals + refusals, seconds: result.seconds + more };
}
parentPort.postMessage(result);
