/** The kinds of real speakers. A new one is one file beside this and one row here. */
import type { SpeakerKindName } from "../lab.ts";
import { bird } from "./bird.ts";
import { exabgp } from "./exabgp.ts";
import { frr } from "./frr.ts";
import { frrMetallb } from "./frr-metallb.ts";
import { gobgp } from "./gobgp.ts";
import { openbgpd } from "./openbgpd.ts";
import type { SpeakerKind } from "./plan.ts";

export const SPEAKERS: Readonly<Record<SpeakerKindName, SpeakerKind>> = {
  "frr-metallb": frrMetallb,
  frr,
  bird,
  gobgp,
  exabgp,
  openbgpd,
};
