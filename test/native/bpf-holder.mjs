// Worker: has a map, a program, and its place at an interface, until somebody ends it (`waits`), or its own end.
import { parentPort, workerData } from "node:worker_threads";
import { loadNative } from "#native";
import { findInterface } from "#src/port/interface.ts";

const native = loadNative();
const { buffer } = native.createMap(4096);
// r0 = -1, the next program's turn; exit.
const code = Uint8Array.of(0xb7, 0, 0, 0, 255, 255, 255, 255, 0x95, 0, 0, 0, 0, 0, 0, 0);
native.attachIngress(native.loadProgram(true, "next", code), findInterface(workerData.interfaceName).index);
parentPort.postMessage(buffer.byteLength);
if (workerData.waits) setInterval(() => {}, 1000);
