/** The judge: what an experiment that obeyed its forecast comes to, and every way in which a forecast can be wrong. */
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { runOf } from "#src/lab/run.ts";
import { playOnPaper, STRUCK_MS, type Tamper } from "./on-paper.ts";

const lab = loadLab("metallb-bgp");
const playModulo = (tamper?: Tamper) => playOnPaper(lab, tamper)[0];
const expectations = playModulo().outcome.judged.connections.map(({ expectation }) => expectation);
const first = (fate: "lives" | "breaks", entry: string) =>
  expectations.find((each) => each.fate === fate && each.entry === entry)?.flow ?? "";

describe("the judge", () => {
  it("has nothing to say where everything was as forecast, and counts it by service", () => {
    const { services, event, differences, struckAtMs } = runOf(lab, playModulo());
    expect(differences).toEqual([]);
    expect([struckAtMs, event]).toEqual([STRUCK_MS, { kind: "kill-speaker", node: "n2", detectedMs: 2.5, convergedMs: 6.25 }]);
    const [cluster, local] = services.map(({ judgment }) => judgment);
    expect(cluster).toMatchObject({ opened: 400, checked: 400, equal: 400, perNode: { n1: 101, n2: 102, n3: 96, n4: 101 } });
    expect(cluster.broken).toEqual({
      observed: 278,
      forecast: 278,
      onDepartedNode: 102,
      onSurvivors: 176,
      reset: 278,
      timedOut: 0,
    });
    expect(local).toMatchObject({ opened: 100, equal: 100, clientAddressSeen: 100, perNode: { n1: 51, n3: 49 } });
    expect(local.broken).toMatchObject({ observed: 0, forecast: 0 });
  });

  it("tells a time-out from a reset, and takes either for the break that was forecast", () => {
    const silent: Tamper = ({ resetAtMs, ...record }) =>
      resetAtMs === undefined ? record : { ...record, timedOutAtMs: resetAtMs + 2000 };
    const { services, differences } = runOf(lab, playModulo(silent));
    expect(differences).toEqual([]);
    expect(services[0].judgment.broken).toMatchObject({ observed: 278, reset: 0, timedOut: 278 });
  });

  const stays = first("lives", "10.0.0.11");
  const moves = first("breaks", "10.0.0.12");
  const n1 = "forecast n1 > n1 (lives); it";
  it.each<[string, string, Tamper, string | RegExp]>([
    [
      "entered elsewhere",
      stays,
      (record) => ({ ...record, pod: "n3-a", sourceSeen: "10.0.0.12" }),
      `${n1} lived, entered by n2, pod n3-a, from`,
    ],
    [
      "told a contradiction",
      stays,
      (record) => ({ ...record, pod: "n1-a", sourceSeen: "10.0.0.11" }),
      `${n1} entered by no node that would show n1-a the source 10.0.0.11, from`,
    ],
    [
      "broke, and should have lived",
      stays,
      (record) => ({ ...record, resetAtMs: STRUCK_MS + 50 }),
      `${n1} was reset, entered by n1`,
    ],
    [
      "fell silent, and should have lived",
      stays,
      (record) => ({ ...record, timedOutAtMs: STRUCK_MS + 2100 }),
      `${n1} fell silent, entered by n1`,
    ],
    [
      "lived, and should have moved",
      moves,
      ({ resetAtMs: _, ...record }) => record,
      /forecast n2 > n[134] \(breaks\); it lived, entered by n2/,
    ],
    [
      "broke too early",
      moves,
      (record) => ({ ...record, resetAtMs: STRUCK_MS - 100 }),
      /\(breaks\); it broke before anything happened, was reset, .* to 400 ms$/,
    ],
    [
      "never opened",
      moves,
      ({ flow }) => ({ flow, opened: false, bytes: 0, redials: 0, lastEchoAtMs: 0, longestSilenceMs: 0, error: "ECONNREFUSED" }),
      /\(breaks\); it did not open \(ECONNREFUSED\)/,
    ],
  ])("tells by name what %s", (_, flow, tamper, words) => {
    const { outcome } = playModulo((record, ...rest) => (record.flow === flow ? tamper(record, ...rest) : record));
    expect(outcome.differences.unexplained).toBe(1);
    expect(outcome.told).toHaveLength(1);
    expect(outcome.told[0]).toMatch(words);
    expect(outcome.told[0].startsWith(`${flow}: `)).toBe(true);
  });
});
