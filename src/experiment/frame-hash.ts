/**
 * What a captured frame hashes to, and whether it is forwarded at all: asked of the stages of the forwarding core itself, so that
 * `ecmp balance` and `ecmp disrupt` over a capture say what `ecmp replay` of it does. Fragments, ICMP errors, tunnels and labels
 * are whatever the core makes of them. A capture alone has no router beside it: every frame is to it, every destination has a
 * route unless routes are given, and a frame arrives on a port that has its VLAN tags.
 */
import { classify, type PortIdentity } from "../dataplane/classify.ts";
import { createExtractor } from "../dataplane/extract.ts";
import { createForwarder } from "../dataplane/forward.ts";
import { DROP_REASONS, PUNT_REASONS, SLOW_REASONS } from "../dataplane/verdict.ts";
import { OTHER_TAGS, readTags } from "../dataplane/vlan.ts";
import { createFields, FIELD, type Fields } from "../ecmp/fields.ts";
import { SELECTORS } from "../ecmp/selector.ts";
import { equalMembers } from "../ecmp/table.ts";
import { openImage } from "../fib/image.ts";
import { type Batch, createBatch, ROW, VERDICT } from "../port/batch.ts";
import { ETHERNET_HEADER_LENGTH, isGroupMac, readMacHigh, readMacLow } from "../wire/ethernet.ts";
import { compileHashing, type Hashing } from "./flow-hashes.ts";
import type { LookupRoutes } from "./lookup.ts";
import { createReplayImage } from "./replay-image.ts";

export interface FrameHasher {
  /**
   * Of the frame at `offset`; `length` less than `wireLength` says that it was cut. Undefined: it is forwarded, and `fields` and
   * `hashes` are its own until the next one. Else the name of why not. The frame may be rewritten.
   */
  hash(bytes: Uint8Array, offset: number, length: number, wireLength: number): string | undefined;
  /** What the classifier read: of a fragment no ports, of an ICMP error its own addresses. */
  readonly fields: Fields;
  /** One for each way of hashing. */
  readonly hashes: Uint32Array;
  /** Of the frame as it leaves, without tags. */
  sentBytes(): number;
}

/** One next hop for everything: the verdict is wanted, not the way. */
const SELECTOR = "modulo";
const SOMEWHERE = SELECTORS[SELECTOR].fill(equalMembers(1), {});

const EVERYWHERE: LookupRoutes = {
  groups: [
    {
      prefixes: [
        { address: 0, length: 0 },
        { address: "0".repeat(32), length: 0 },
      ],
      table: SOMEWHERE,
    },
  ],
  actions: [],
  direct: { local: [], attached: [] },
};

const REASONS: Readonly<Record<number, readonly string[]>> = {
  [VERDICT.drop]: DROP_REASONS,
  [VERDICT.punt]: PUNT_REASONS,
  [VERDICT.slow]: SLOW_REASONS,
};

/**
 * `hashings`: at least one; all with the same rules for fragments. `routes`: what leads to a next hop by them is forwarded. Throws a
 * RangeError for a hash that decides by packet.
 */
export function createFrameHasher(hashings: readonly Hashing[], routes: LookupRoutes = EVERYWHERE): FrameHasher {
  const steps = hashings.map(compileStep);
  const port = { macHigh: 0, macLow: 0, vlans: 0 };
  const forward = createRouter(hashings[0], port, routes);
  const fields = createFields();
  const own = createFields();
  const hashes = new Uint32Array(hashings.length);
  const { rows } = createBatch(new Uint8Array(0), 1);

  return {
    fields,
    hashes,
    sentBytes: () => rows[ROW.wireLength],
    hash(bytes, offset, length, wireLength) {
      const isToMac = length >= ETHERNET_HEADER_LENGTH && !isGroupMac(bytes, offset);
      port.macHigh = isToMac ? readMacHigh(bytes, offset) : 0;
      port.macLow = isToMac ? readMacLow(bytes, offset) : 0;
      rows.fill(0);
      rows[ROW.offset] = offset;
      rows[ROW.length] = length;
      rows[ROW.wireLength] = wireLength;
      const code = classify(bytes, rows, 0, { ...port, vlans: readVlans(bytes, offset, length) }, fields);
      if (code !== 0) return REASONS[code >>> 8][code & 0xff];
      // Each hash reads what the classifier left, and not what another's extractor made of it; and before MACs are rewritten.
      steps.forEach((step, i) => {
        own.set(fields);
        hashes[i] = step(bytes, rows[ROW.offset], own);
      });
      forward({ bytes, rows, capacity: 1, count: 1 }, 0);
      return REASONS[rows[ROW.verdict]]?.[rows[ROW.reason]];
    },
  };
}

type Step = (bytes: Uint8Array, frame: number, fields: Fields) => number;

/** As the core's `pick` does. */
function compileStep(hashing: Hashing): Step {
  const { hashFields, hashPacket } = compileHashing(hashing);
  if (hashPacket) return (bytes, _frame, fields) => hashPacket(bytes, fields[FIELD.networkOffset], bytes.length);
  const extract = createExtractor(hashing.options);
  return (bytes, frame, fields) => {
    extract?.(bytes, frame, 0, fields);
    return hashFields(fields);
  };
}

/** Tags are gone by then. */
function createRouter(
  { options }: Hashing,
  port: PortIdentity,
  { groups, ...others }: LookupRoutes,
): (batch: Batch, ingress: number) => void {
  const leading = groups.filter(({ table }) => table.owners.length > 0).flatMap(({ prefixes }) => prefixes);
  const rest = groups.filter(({ table }) => table.owners.length === 0);
  const routes = { ...others, groups: [{ prefixes: leading, table: SOMEWHERE }, ...rest] };
  const { buffers } = createReplayImage(routes, 0);
  return createForwarder({ image: openImage(buffers), hash: options, selector: SELECTOR, ports: [port], captured: true });
}

/** None where there are more tags than a port may have: the classifier finds them, and refuses. */
function readVlans(bytes: Uint8Array, frame: number, length: number): number {
  if (length < ETHERNET_HEADER_LENGTH) return 0;
  const tags = readTags(bytes, frame, length, 0);
  return tags === OTHER_TAGS ? 0 : tags & 0xffffff;
}
