// Worker: sends traffic and posts the result. It blocks in native code for as long as that takes.

import { parentPort, workerData } from "node:worker_threads";
import { loadNative } from "#native";

const { interfaceName, frame, count, seconds, packetsPerSecond, flows, checksum } = workerData;
parentPort.postMessage(loadNative().generate(interfaceName, frame, count, seconds, packetsPerSecond, flows, checksum));
