/**
 * Lets the compiler see the forwarding core before the first real packet does: some tens of thousands of made-up packets
 * through an image of their own. Without it the first packets take about half as long again, and sparse ones do for minutes.
 */
import type { HashOptions } from "../ecmp/flow-hash.ts";
import { createFib } from "../fib/fib.ts";
import { createImage } from "../fib/image.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { parsePrefix } from "../net/prefix.ts";
import { createBatch, ROW, ROW_WORDS, VIRTIO_HEADER_LENGTH } from "../port/batch.ts";
import { createPortIdentity } from "./classify.ts";
import { createForwarder } from "./forward.ts";
import { MADE_UP_FRAMES, MADE_UP_MAC } from "./made-up-frames.ts";
import { createOwnSources } from "./own-sources.ts";

const ROUNDS = 1000;
const SLOT_BYTES = 128;

const prefix = (text: string) => parsePrefix(text) as NonNullable<ReturnType<typeof parsePrefix>>;
const address = (text: string) => parseAddress(text) as Address;

/** What the made-up frames ask for: two next hops to each destination. */
const ROUTES = [
  { to: ["198.51.100.0/24", "10.100.0.0/16"], via: ["10.0.0.2", "10.0.0.3"] },
  { to: ["2001:db8:51::/48"], via: ["2001:db8::2", "2001:db8::3"] },
];

export function warmUp(hash: HashOptions, selector: string): void {
  const buffers = createImage(1 << 14);
  const fib = createFib({ buffers, selector: "modulo", selectorOptions: {}, hash, workers: 0 });
  for (const subnet of ["10.0.0.0/24", "2001:db8::/64"]) fib.attach({ prefix: prefix(subnet), port: 0 });
  for (const { to, via } of ROUTES) {
    const nextHops = via.map((text) => ({ address: address(text), weight: 1 }));
    fib.apply([{ prefixes: to.map(prefix), protocol: "static", nextHops }]);
    nextHops.forEach(
      (hop, i) => void fib.setNeighbor(hop.address, 0, { mac: 0x02fe_f000_0002 + i, source: 0x0200_f123_4567, mtu: 1500 }),
    );
  }
  fib.publish();

  const batch = createBatch(new Uint8Array(SLOT_BYTES * 64));
  const ports = [Object.assign(createPortIdentity(0), MADE_UP_MAC)];
  const forward = createForwarder({ image: fib.image, hash, selector, ports, ownSources: createOwnSources() });
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < batch.capacity; i++) {
      const frame = MADE_UP_FRAMES[(round + i) % MADE_UP_FRAMES.length];
      batch.bytes.set(frame, i * SLOT_BYTES + VIRTIO_HEADER_LENGTH);
      batch.rows.fill(0, i * ROW_WORDS, (i + 1) * ROW_WORDS);
      batch.rows[i * ROW_WORDS + ROW.offset] = i * SLOT_BYTES + VIRTIO_HEADER_LENGTH;
      batch.rows[i * ROW_WORDS + ROW.length] = batch.rows[i * ROW_WORDS + ROW.wireLength] = frame.length;
    }
    batch.count = batch.capacity;
    forward(batch, 0);
  }
}
