/**
 * The part of the BGP configuration that the RIB is told and sessions never see: what is taken from a neighbor, what it is
 * told, and how many prefixes it may have. A change of it resets nobody.
 */
import { z } from "zod";
import { parsePrefixRule } from "../net/prefix-rule.ts";
import { parsed, whole } from "./scalar.ts";

const flag = z.boolean({ error: "wanted true or false" });
const prefixRules = z.array(
  parsed(parsePrefixRule, 'a prefix, perhaps with lengths, such as "198.51.100.0/24 le 32" or "10.0.0.0/8 ge 16 le 24"'),
  { error: 'wanted a list such as ["198.51.100.0/24 le 32"]' },
);

/** For all neighbors, or for the one that has them itself. */
export const prefixLists = {
  /** Undefined: nothing from external neighbors, everything from internal ones (RFC 8212). */
  accept: prefixRules.optional(),
  /** Undefined: nothing. */
  announce: prefixRules.optional(),
};

export const neighborPolicy = {
  ...prefixLists,
  enforceFirstAs: flag.default(true),
  /** RFC 7999. */
  allowBlackhole: flag.default(false),
  /** To an external neighbor the next hop is always ourselves. */
  nextHopSelf: flag.default(false),
  /** Names of OpenConfig; of each family, before any of them is refused. */
  prefixLimit: z
    .strictObject(
      {
        maxPrefixes: whole(1, 4294967295),
        warningThresholdPct: whole(1, 100).default(75),
        /** Undefined: the session stays down until the configuration of the neighbor changes. */
        restartTimeSeconds: whole(1, 65535).optional(),
      },
      { error: "wanted a limit such as {maxPrefixes: 1000}" },
    )
    .optional(),
};

export const NEIGHBOR_POLICY_FIELDS = Object.keys(neighborPolicy) as (keyof typeof neighborPolicy)[];
