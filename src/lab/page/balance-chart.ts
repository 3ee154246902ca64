/** Connections of each node beside the band that a fair draw falls into. */
import { type Band, binomialBand } from "./binomial.ts";
import { linearScale } from "./scale.ts";
import { CHART_WIDTH, chart, element, label } from "./svg.ts";

const LEFT = 34;
const RIGHT = CHART_WIDTH - 66;
const ROW = 30;

export interface NodeLoad {
  readonly name: string;
  readonly index: number;
  readonly count: number;
  /** Of the hash space. */
  readonly share: number;
}

export const bandOf = ({ share }: NodeLoad, total: number): Band => binomialBand(total, share);
const isWithin = (count: number, { low, high }: Band): boolean => count >= low && count <= high;

export function drawBalance(loads: readonly NodeLoad[]): string {
  const total = loads.reduce((sum, { count }) => sum + count, 0);
  const bands = loads.map((load) => bandOf(load, total));
  const x = linearScale(0, Math.max(1, ...loads.map(({ count }) => count), ...bands.map(({ high }) => high)), LEFT, RIGHT, 4);
  const bottom = ROW * loads.length;
  const rows = loads.flatMap(({ name, index, count }, row) => {
    const y = ROW * row;
    const band = bands[row];
    const [low, high] = [x.at(band.low), x.at(band.high)];
    const end = isWithin(count, band) ? String(count) : `${count} ${count < band.low ? "below" : "above"}`;
    return [
      element("rect", { class: "band", x: low, y: y + 3, width: Math.max(1, high - low), height: ROW - 6 }),
      element("rect", { class: `cell node-${index % 8}`, x: LEFT, y: y + 9, width: x.at(count) - LEFT, height: ROW - 18 }),
      element("path", { class: "mean", d: `M${round(x.at(band.mean))} ${y + 3}V${y + ROW - 3}` }),
      label(0, y + 19, name, { class: "strong" }),
      label(RIGHT + 8, y + 19, end, { class: isWithin(count, band) ? "strong" : "alarm" }),
    ];
  });
  const told = loads.map(({ name, count }, row) => `${name} ${count} (${bands[row].low} to ${bands[row].high})`).join(", ");
  return chart(
    bottom + 24,
    "Balance of connections",
    `Connections of each node, and the expected band: ${told}.`,
    ...x.ticks.map((tick) => element("path", { class: "grid", d: `M${x.at(tick)} 0V${bottom}` })),
    ...rows,
    ...x.ticks.map((tick) => label(x.at(tick), bottom + 17, String(tick), { class: "quiet", "text-anchor": "middle" })),
  );
}

const round = (value: number): number => Math.round(value * 100) / 100;
