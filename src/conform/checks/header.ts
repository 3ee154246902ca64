/** Message headers that are wrong (RFC 4271 6.1), and messages that come when they must not (RFC 6608). */
import { frame } from "../../bgp/framer.ts";
import { MESSAGE } from "../../bgp/iana.ts";
import type { CheckGroup } from "../check.ts";
import { openBytes, ordinaryAttributes, rawFrame, updateBytes } from "../messages.ts";
import { expectNotification } from "../step/expect.ts";
import { connect, establish, send, sendOpen } from "../step/session.ts";

const NOTHING = new Uint8Array(0);

const badMarker = (): Uint8Array => frame(MESSAGE.keepalive).fill(0, 0, 16);

const ordinaryUpdate = send("an ordinary UPDATE", (stage) =>
  updateBytes({ attributes: ordinaryAttributes(stage), prefixes: [stage.prefix()] }),
);

export const HEADER_CHECKS: CheckGroup = {
  title: "What it makes of a wrong header",
  checks: [
    {
      name: "bad-marker",
      clause: "RFC 4271 6.1",
      wanted: "NOTIFICATION 1/1 to a marker that is not all ones",
      steps: [establish(), send("a KEEPALIVE with a marker of zeros", badMarker), expectNotification(1, 1)],
    },
    {
      name: "length-18",
      clause: "RFC 4271 6.1",
      wanted: "NOTIFICATION 1/2 with the length, to a message shorter than its header",
      steps: [
        establish(),
        send("a KEEPALIVE that claims 18 bytes", () => rawFrame(MESSAGE.keepalive, NOTHING, 18)),
        expectNotification(1, 2, { data: [0, 18] }),
      ],
    },
    {
      name: "length-4097",
      clause: "RFC 4271 6.1",
      wanted: "NOTIFICATION 1/2 with the length, to a message of more than 4096 bytes",
      steps: [
        establish(),
        send("an UPDATE of 4097 bytes", () => rawFrame(MESSAGE.update, new Uint8Array(4097 - 19))),
        expectNotification(1, 2, { data: [16, 1] }),
      ],
    },
    {
      name: "keepalive-of-20-bytes",
      clause: "RFC 4271 6.1",
      wanted: "NOTIFICATION 1/2 with the length, to a KEEPALIVE that is not 19 bytes long",
      steps: [
        establish(),
        send("a KEEPALIVE of 20 bytes", () => rawFrame(MESSAGE.keepalive, Uint8Array.of(0))),
        expectNotification(1, 2, { data: [0, 20] }),
      ],
    },
    {
      name: "update-of-22-bytes",
      clause: "RFC 4271 6.1",
      wanted: "NOTIFICATION 1/2 with the length, to an UPDATE shorter than 23 bytes",
      steps: [
        establish(),
        send("an UPDATE of 22 bytes", () => rawFrame(MESSAGE.update, new Uint8Array(3))),
        expectNotification(1, 2, { data: [0, 22] }),
      ],
    },
    {
      name: "open-of-28-bytes",
      clause: "RFC 4271 6.1",
      wanted: "NOTIFICATION 1/2 with the length, to an OPEN shorter than 29 bytes",
      steps: [
        connect(),
        send("an OPEN of 28 bytes", (stage) => rawFrame(MESSAGE.open, openBytes(stage).subarray(19, 28))),
        expectNotification(1, 2, { data: [0, 28] }),
      ],
    },
    {
      name: "bad-type",
      clause: "RFC 4271 6.1",
      wanted: "NOTIFICATION 1/3 with the type, to a message of type 99",
      steps: [establish(), send("a message of type 99", () => rawFrame(99, NOTHING)), expectNotification(1, 3, { data: [99] })],
    },
    {
      name: "keepalive-before-open",
      clause: "RFC 6608 3, RFC 4271 8.2.2",
      wanted: "NOTIFICATION 5/1 to a KEEPALIVE where an OPEN is due",
      steps: [connect(), send("a KEEPALIVE", () => frame(MESSAGE.keepalive)), expectNotification(5, 1)],
    },
    {
      name: "update-before-keepalive",
      clause: "RFC 6608 3, RFC 4271 8.2.2",
      wanted: "NOTIFICATION 5/2 to an UPDATE where a KEEPALIVE is due",
      steps: [connect(), sendOpen("that suits it"), ordinaryUpdate, expectNotification(5, 2)],
    },
    {
      name: "second-open",
      clause: "RFC 6608 3, RFC 4271 8.2.2",
      wanted: "NOTIFICATION 5/3 to an OPEN in an established session",
      steps: [establish(), sendOpen("again"), expectNotification(5, 3)],
    },
  ],
};
