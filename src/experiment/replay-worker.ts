/** The entry of a replay's worker threads: one forwarder a thread, for as long as the thread lives. */
import { workerData } from "piscina";
import { createWindowForwarder, type ReplaySetup } from "./replay-window.ts";

export const forwardWindow = createWindowForwarder(workerData as ReplaySetup);
