/**
 * The selectors there are. A new one is one file in `select/` and one row here; configuration, experiments, benchmarks and
 * the common test suite find it by its row. What a table is stands apart, in `table.ts`, because the selectors need it too
 * and nothing here imports in a circle.
 */
import { modulo } from "./select/modulo.ts";
import { resilient } from "./select/resilient.ts";
import { threshold } from "./select/threshold.ts";
import type { Selector } from "./table.ts";

export type SelectorName = "modulo" | "threshold" | "resilient";
export const SELECTORS: Readonly<Record<SelectorName, Selector> & Record<string, Selector>> = { modulo, threshold, resilient };
