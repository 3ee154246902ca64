/** Good messages that damage is done to: what real speakers said, and one of each kind with all that the codec knows. */
import { Framer } from "#src/bgp/framer.ts";
import { MESSAGE } from "#src/bgp/iana.ts";
import { CAPTURES } from "../bgp/captures.ts";
import { hex, updateBody } from "../bgp/hex.ts";

export interface Sample {
  readonly type: number;
  readonly body: Uint8Array;
}

function samplesOf(stream: Uint8Array): Sample[] {
  const framer = new Framer();
  framer.push(stream);
  const samples: Sample[] = [];
  for (let framing = framer.next(); framing.kind === "message"; framing = framer.next()) samples.push(framing);
  return samples;
}

/** With every attribute that has a row, and some that have none. */
export const RICH_UPDATE = updateBody(
  "18 0a0b0c 00",
  `800e1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8  800f0a 0002 01 30 20010db80001
   400101 00  400210 0202 0000fde9 fa56ea00 0101 00000001  400304 0a000001  800404 00000007  400504 00000064  400600
   c00708 fa56ea00 0a000009  c00808 ffff0000 04d20001  800904 0a000007  800a08 0a000008 0a000009  c01008 0002fde900000001
   c01106 0201 fa56ea00  c01208 fa56ea00 0a000009  c0170d 00080009 0601aa 80000101 0900  c01914 ${"00".repeat(20)}
   801a0b 01000b 0000000000000001  801d05 04000001 00  c0200c 0000fc00 00000001 00000002  c02304 0000fde9
   c0280a 010007 00 0000 00000001  d0630003 010203  806402 ffff`,
  "20 c633640a 08 0b",
);

export const SAMPLES: readonly Sample[] = [
  ...Object.values(CAPTURES).flatMap(samplesOf),
  { type: MESSAGE.update, body: RICH_UPDATE },
  { type: MESSAGE.notification, body: hex("06 02 0b 676f6f64206e69676874 21") },
  { type: MESSAGE.routeRefresh, body: hex("0001 00 01") },
  // RFC 9072's form, a capability of each kind.
  {
    type: MESSAGE.open,
    body: hex(`04 5ba0 00b4 0a090002 ff ff 0036 02 0033
      0104 00010001 0200 0506 000100010002 0600 0901 04 4006 c078 00010180 4104 fa56ea00 4504 00010103 4600 4906 026e31 02 6c61`),
  },
];
