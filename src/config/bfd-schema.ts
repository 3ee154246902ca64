/**
 * BFD of a neighbor (RFC 5880): its own fields, or those of a profile that several share. What neither says has a default,
 * which are those of FRR and of MetalLB's BFDProfile.
 */
import { z } from "zod";
import { whole } from "./scalar.ts";

const flag = z.boolean({ error: "wanted true or false" });

const fields = {
  minTxMs: whole(10, 60000).optional(),
  minRxMs: whole(10, 60000).optional(),
  multiplier: whole(1, 255).optional(),
  passive: flag.optional(),
  /** Whether the neighbor's echo packets are answered. */
  echo: flag.optional(),
  echoMs: whole(10, 60000).optional(),
  /** Of a session over several hops; on one hop it is 255. */
  minimumTtl: whole(1, 254).optional(),
};

export const bfdSchema = z.strictObject(
  {
    profile: z.string({ error: "wanted the name of a profile" }).optional(),
    ...fields,
    /** Undefined: as the neighbor's own distance says. */
    multihop: flag.optional(),
  },
  { error: "wanted fields such as {minTxMs: 300, minRxMs: 300, multiplier: 3} or {profile: NAME}" },
);

export const bfdProfilesSchema = z.record(z.string(), z.strictObject(fields));

export type BfdConfig = z.output<typeof bfdSchema>;
export type BfdProfiles = z.output<typeof bfdProfilesSchema>;
