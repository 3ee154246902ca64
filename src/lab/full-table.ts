/** The prefixes that a node announces beside the services, when a lab wants a full table: /24s, one after the other. Pure. */
import { formatPrefix } from "../net/prefix.ts";

const FIRST = 0x10000000;
const STEP = 256;

/** All of them are in here, and no lab has an address of it. */
export const TABLE_RANGE = "16.0.0.0/4";
export const LARGEST_TABLE = 1_000_000;

export const fullTable = (size: number): string[] =>
  Array.from({ length: size }, (_, index) => formatPrefix({ address: FIRST + index * STEP, length: 24 }));
