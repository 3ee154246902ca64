/**
 * The process of the load client. It is told on standard input and answers on standard output, a JSON line each:
 * `{"open": ConnectionTarget[]}`, `{"report": true}` and `{"close": true}` are answered with all records; EOF ends it.
 */
import { createInterface } from "node:readline";
import { systemClock } from "../net/clock.ts";
import type { ConnectionTarget } from "./connection.ts";
import { LoadClient } from "./load-client.ts";

const client = new LoadClient(systemClock);

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as { open?: ConnectionTarget[]; close?: true };
  if (order.open) await client.open(order.open);
  if (order.close) client.close();
  console.log(JSON.stringify(client.records()));
}
client.close();
