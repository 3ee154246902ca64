/** Connections of each node beside the band that a fair draw falls into. */
import { drawChart, nameAxis, numberAxis, words } from "./chart.ts";
import type { NodeLoad } from "./groups.ts";
import { nodePaint, paint } from "./style.ts";

const ROW = 30;
const BOTTOM = 24;
const BAND_HEIGHT = 24;

const isWithin = ({ count, band: { low, high } }: NodeLoad): boolean => count >= low && count <= high;

/** `indexOf`: which of the lab's nodes it is. */
export function drawBalance(loads: readonly NodeLoad[], indexOf: (node: string) => number): string {
  const told = loads.map(({ node, count, band: { low, high } }) => `${node} ${count} (${low} to ${high})`).join(", ");
  const ends = loads.map((load) =>
    isWithin(load) ? `${load.count}` : `${load.count} ${load.count < load.band.low ? "below" : "above"}`,
  );
  const isOut = (row = 0) => !isWithin(loads[row]);
  return drawChart(
    "Balance of connections",
    `Connections of each node, and the expected band: ${told}.`,
    ROW * loads.length + BOTTOM,
    {
      grid: { left: 40, right: 76, top: 0, bottom: BOTTOM },
      xAxis: { ...numberAxis(), min: 0, minInterval: 1 },
      yAxis: [
        nameAxis(loads.map(({ node }) => node)),
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
          data: loads.map(({ band: { low, high } }, row) => [low, high, row]),
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
          data: loads.map(({ node, count }) => ({ value: count, itemStyle: { color: nodePaint(indexOf(node)) } })),
        },
        {
          type: "scatter",
          symbol: "rect",
          symbolSize: [1.6, BAND_HEIGHT],
          itemStyle: { color: paint("ink"), opacity: 1 },
          data: loads.map(({ band: { mean } }, row) => [mean, row]),
        },
      ],
    },
  );
}
