/**
 * The process of the load client. It is told on standard input and answers on standard output, a JSON line each:
 * `{"open": ConnectionTarget[]}`, `{"send": DatagramOrder[]}`, `{"begin": RequestOrder[]}`, `{"report": true}` and
 * `{"close": true}` are answered with all records; a report waits for the requests that were begun and for what is not
 * known to live or not, and ends the sending. Its argument has the options that are not as usual, as JSON. EOF ends it.
 */
import { createInterface } from "node:readline";
import { systemClock } from "../net/clock.ts";
import type { ConnectionTarget } from "./connection.ts";
import type { DatagramOrder } from "./datagram.ts";
import { DatagramClient } from "./datagram-client.ts";
import type { LoadReport } from "./load.ts";
import { LOAD_DEFAULTS, LoadClient, type LoadOptions } from "./load-client.ts";
import type { RequestOrder } from "./request.ts";
import { RequestClient } from "./request-client.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as Partial<LoadOptions>;
const client = new LoadClient(systemClock, { ...LOAD_DEFAULTS, ...options });
const requests = new RequestClient(systemClock);
const datagrams = new DatagramClient(systemClock);

interface Order {
  readonly open?: readonly ConnectionTarget[];
  readonly send?: readonly DatagramOrder[];
  readonly begin?: readonly RequestOrder[];
  readonly report?: true;
  readonly close?: true;
}

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Order;
  if (order.open) await client.open(order.open);
  if (order.send) await datagrams.begin(order.send);
  if (order.begin) requests.begin(order.begin);
  if (order.close) {
    client.close();
    datagrams.close();
  }
  const answer: LoadReport = {
    requests: order.report ? await requests.records() : [],
    connections: order.report ? await client.settled() : client.records(),
    datagrams: order.report ? await datagrams.records() : [],
  };
  console.log(JSON.stringify(answer));
}
client.close();
datagrams.close();
