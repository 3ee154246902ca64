/**
 * The process of the load client. It is told on standard input and answers on standard output, a JSON line each:
 * `{"open": ConnectionTarget[]}`, `{"begin": RequestOrder[]}`, `{"report": true}` and `{"close": true}` are answered with all
 * records; a report waits for the requests that were begun. Its argument has the options that are not as usual, as JSON.
 * EOF ends it.
 */
import { createInterface } from "node:readline";
import { systemClock } from "../net/clock.ts";
import type { ConnectionTarget } from "./connection.ts";
import type { LoadReport } from "./load.ts";
import { LOAD_DEFAULTS, LoadClient, type LoadOptions } from "./load-client.ts";
import type { RequestOrder } from "./request.ts";
import { RequestClient } from "./request-client.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as Partial<LoadOptions>;
const client = new LoadClient(systemClock, { ...LOAD_DEFAULTS, ...options });
const requests = new RequestClient(systemClock);

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as { open?: ConnectionTarget[]; begin?: RequestOrder[]; report?: true; close?: true };
  if (order.open) await client.open(order.open);
  if (order.begin) requests.begin(order.begin);
  if (order.close) client.close();
  const answer: LoadReport = { connections: client.records(), requests: order.report ? await requests.records() : [] };
  console.log(JSON.stringify(answer));
}
client.close();
