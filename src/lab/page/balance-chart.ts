/** Connections of each node beside the band that a fair draw falls into. */
import { type Band, binomialBand } from "./binomial.ts";
import { drawChart, nameAxis, numberAxis, words } from "./chart.ts";
import { nodePaint, paint } from "./style.ts";

const ROW = 30;
const BOTTOM = 24;
const BAND_HEIGHT = 24;

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
  const told = loads.map(({ name, count }, row) => `${name} ${count} (${bands[row].low} to ${bands[row].high})`).join(", ");
  const ends = loads.map(({ count }, row) =>
    isWithin(count, bands[row]) ? `${count}` : `${count} ${count < bands[row].low ? "below" : "above"}`,
  );
  const isOut = (row = 0) => !isWithin(loads[row].count, bands[row]);
  return drawChart(
    "Balance of connections",
    `Connections of each node, and the expected band: ${told}.`,
    ROW * loads.length + BOTTOM,
    {
      grid: { left: 40, right: 76, top: 0, bottom: BOTTOM },
      xAxis: { ...numberAxis(), min: 0, minInterval: 1 },
      yAxis: [
        nameAxis(loads.map(({ name }) => name)),
        {
          ...nameAxis(ends),
          position: "right",
          axisLabel: { ...words("ink"), interval: 0, color: (_, row) => paint(isOut(row) ? "alarm" : "ink") },
        },
      ],
      series: [
        {
          type: "custom",
          encode: { x: [0, 1], y: 2 },
          data: bands.map(({ low, high }, row) => [low, high, row]),
          renderItem: (_, api) => {
            const [from, middle] = api.coord([api.value(0), api.value(2)]);
            const [to] = api.coord([api.value(1), api.value(2)]);
            return {
              type: "rect",
              shape: { x: from, y: middle - BAND_HEIGHT / 2, width: Math.max(1, to - from), height: BAND_HEIGHT },
              style: { fill: paint("band"), stroke: paint("quiet"), lineWidth: 0.8 },
            };
          },
        },
        {
          type: "bar",
          barWidth: 12,
          data: loads.map(({ index, count }) => ({ value: count, itemStyle: { color: nodePaint(index) } })),
        },
        {
          type: "scatter",
          symbol: "rect",
          symbolSize: [1.6, BAND_HEIGHT],
          itemStyle: { color: paint("ink"), opacity: 1 },
          data: bands.map(({ mean }, row) => [mean, row]),
        },
      ],
    },
  );
}
