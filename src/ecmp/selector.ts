/**
 * The selectors there are. A new one is one file in `select/` and one row here; configuration, experiments, benchmarks and the
 * common test suite find it by its row. What a table is stands apart, in `table.ts`, because the selectors need it too
 * and nothing here imports in a circle.
 */
import { anchor } from "./select/anchor.ts";
import { aristaRecmp } from "./select/arista-recmp.ts";
import { autoRecovery } from "./select/auto-recovery.ts";
import { cumulusBroadcom } from "./select/cumulus-broadcom.ts";
import { cumulusSpectrum } from "./select/cumulus-spectrum.ts";
import { hrw } from "./select/hrw.ts";
import { jump } from "./select/jump.ts";
import { linuxResilient } from "./select/linux-resilient.ts";
import { linuxThreshold } from "./select/linux-threshold.ts";
import { maglev } from "./select/maglev.ts";
import { maglevCilium } from "./select/maglev-cilium.ts";
import { maglevKatranV1, maglevKatranV2 } from "./select/maglev-katran.ts";
import { modulo } from "./select/modulo.ts";
import { resilient } from "./select/resilient.ts";
import { ring } from "./select/ring.ts";
import { sonicFgnhg } from "./select/sonic-fgnhg.ts";
import { threshold } from "./select/threshold.ts";
import type { Selector } from "./table.ts";

const ROWS = {
  modulo,
  threshold,
  "linux-threshold": linuxThreshold,
  hrw,
  resilient,
  "linux-resilient": linuxResilient,
  "cumulus-broadcom": cumulusBroadcom,
  "cumulus-spectrum": cumulusSpectrum,
  "sonic-fgnhg": sonicFgnhg,
  "arista-recmp": aristaRecmp,
  "auto-recovery": autoRecovery,
  maglev,
  "maglev-katran-v1": maglevKatranV1,
  "maglev-katran-v2": maglevKatranV2,
  "maglev-cilium": maglevCilium,
  ring,
  jump,
  anchor,
} as const;

export type SelectorName = keyof typeof ROWS;
export const SELECTORS: Readonly<Record<SelectorName, Selector> & Record<string, Selector>> = ROWS;
