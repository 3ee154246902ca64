/** A connection over a stream that takes bytes when the test wants it to: what a peer that does not read looks like from here. */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { bgpError, errorName } from "#src/bgp/error.ts";
import { encodeMessage } from "#src/bgp/message.ts";
import type { Agreement } from "#src/speaker/agreement.ts";
import { Connection, sendHoldSeconds } from "#src/speaker/connection.ts";
import { createFakeClock } from "../common/fake-clock.ts";

const [keepalive] = encodeMessage({ kind: "keepalive" }, 4);

function connect(holdTimeSeconds: number) {
  const clock = createFakeClock();
  let take: (() => void) | undefined;
  const said: string[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => {
      take = () => done();
    },
  });
  const context = { asnSize: 4, peerType: "external", families: [] } as const;
  const connection = new Connection(stream as Socket, context, clock, {
    onConnected: () => undefined,
    onMessage: ({ kind }) => said.push(kind),
    onHeard: () => undefined,
    onError: (error) => said.push(errorName(error)),
    onFaults: () => undefined,
    onRoom: () => said.push("room"),
    onClosed: (reason) => said.push(reason),
  });
  connection.agree(context, { extendedMessage: false, holdTimeSeconds } as Agreement);
  return { clock, connection, stream, said, take: () => take?.() };
}

test("RFC 9687: eight minutes, or twice the hold time if that is more; none without a hold time", () => {
  expect([0, 3, 90, 240, 241, 65535].map(sendHoldSeconds)).toEqual([0, 480, 480, 480, 482, 131070]);
});

test("a peer that does not read is given up after the send hold time, counted from the last bytes that went", async () => {
  const { clock, connection, said, take } = connect(90);
  connection.send(keepalive);
  connection.send(keepalive);
  await clock.pass(479_000);
  take();
  await clock.pass(479_999);
  expect(said).toEqual([]);
  await clock.pass(1);
  expect(said).toEqual(["Send Hold Timer Expired"]);
});

test("one that reads, is closed, or wants no hold time is not", async () => {
  for (const [holdTimeSeconds, end] of [
    [90, "take"],
    [90, "close"],
    [0, "nothing"],
  ] as const) {
    const { clock, connection, said, take } = connect(holdTimeSeconds);
    connection.send(keepalive);
    if (end === "take") take();
    if (end === "close") connection.close();
    await clock.pass(10_000_000);
    expect(said, end).toEqual([]);
  }
});

test("has room for a quarter of a MiB that the peer does not take, and says when there is room again", async () => {
  const { connection, said, take } = connect(0);
  expect(connection.hasRoom).toBe(true);
  connection.send(new Uint8Array(256 * 1024 - 1));
  expect(connection.hasRoom).toBe(true);
  connection.send(keepalive);
  expect(connection.hasRoom).toBe(false);
  take();
  take();
  await new Promise((resolve) => setImmediate(resolve));
  expect([connection.hasRoom, said]).toEqual([true, ["room"]]);
  connection.close();
  expect(connection.hasRoom).toBe(false);
});

test("who does not listen to what we say is heard all the same: two such would wait for each other", async () => {
  const { connection, stream, said } = connect(0);
  connection.send(new Uint8Array(1024 * 1024));
  stream.push(keepalive);
  await new Promise((resolve) => setImmediate(resolve));
  expect(said).toEqual(["keepalive"]);
});

test("what was said before the peer hung up is heard before that, however much it is", async () => {
  const { stream, said } = connect(0);
  const [goodbye] = encodeMessage({ kind: "notification", error: bgpError(6, 2) }, 4);
  stream.push(Buffer.concat([...Array(1000).fill(keepalive), goodbye]));
  stream.push(null);
  while (!said.includes("closed by the peer")) await new Promise((resolve) => setImmediate(resolve));
  expect([said.length, ...said.slice(-3)]).toEqual([1002, "keepalive", "notification", "closed by the peer"]);
});
