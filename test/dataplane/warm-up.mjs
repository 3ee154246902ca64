/**
 * What runs beside `warm-up.test.ts` with V8's trace of code that it throws away: it warms the core up, says "warm", and forwards
 * packets that the warm-up has not seen.
 */
import { createPortIdentity } from "#src/dataplane/classify.ts";
import { createForwarder } from "#src/dataplane/forward.ts";
import { allowInlining } from "#src/dataplane/inlining.ts";
import { createOwnSources } from "#src/dataplane/own-sources.ts";
import { warmUp } from "#src/dataplane/warm-up.ts";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { parseAddress } from "#src/net/address.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { createBatch, ROW, ROW_WORDS, VERDICT, VIRTIO_HEADER_LENGTH } from "#src/port/batch.ts";

const [hash, selector, frames] = JSON.parse(process.argv[2]);
const SLOT_BYTES = 256;

allowInlining();
const identity = createPortIdentity(0);
warmUp(hash, selector);
Object.assign(identity, { macHigh: 0x0200, macLow: 0x9e3779b9 });
const fib = createFib({ buffers: createImage(1 << 19), selector, selectorOptions: {}, hash, workers: 0 });
for (const subnet of ["10.0.0.0/24", "2001:db8:0:2::/64"]) fib.attach({ prefix: parsePrefix(subnet), port: 0 });
for (const [to, via] of [
  ["198.51.100.0/24", "10.0.0."],
  ["2001:db8:51::/48", "2001:db8:0:2::"],
]) {
  const nextHops = [11, 12, 13].map((last) => ({ address: parseAddress(`${via}${last}`), weight: 1 }));
  fib.apply([{ prefixes: [parsePrefix(to)], protocol: "bgp", nextHops }]);
  for (const { address } of nextHops) fib.setNeighbor(address, 0, { mac: 0x02a5_e1f2_c3d4, source: 0x0200_9e37_79b9, mtu: 1500 });
}
fib.publish();
const batch = createBatch(new Uint8Array(SLOT_BYTES * 64));
const forward = createForwarder({ image: fib.image, hash, selector, ports: [identity], ownSources: createOwnSources() });
process.stdout.write("warm\n");
let forwarded = 0;
for (const text of frames) {
  const frame = Buffer.from(text, "hex");
  batch.bytes.set(frame, VIRTIO_HEADER_LENGTH);
  batch.rows.fill(0, 0, ROW_WORDS);
  batch.rows[ROW.offset] = VIRTIO_HEADER_LENGTH;
  batch.rows[ROW.length] = batch.rows[ROW.wireLength] = frame.length;
  batch.count = 1;
  forward(batch, 0);
  if (batch.rows[ROW.verdict] === VERDICT.forward) forwarded++;
}
process.stdout.write(`forwarded ${forwarded}\n`);
