/** The witness and the judgment: which node a pod's view points to, and every way in which a forecast can be wrong. */
import { describe, expect, it } from "vitest";
import type { FlowForecast } from "#src/experiment/forecast.ts";
import { loadLab } from "#src/lab/catalog.ts";
import type { ConnectionRecord } from "#src/lab/connection.ts";
import { judge } from "#src/lab/judgment.ts";
import { entryNode } from "#src/lab/witness.ts";

const lab = loadLab("metallb-bgp");
const [cluster, local] = lab.services;
const CLIENT = "10.0.1.2";
const KILLED_AT_MS = 1000;

const seen = (pod: string, sourceSeen: string): ConnectionRecord => ({
  flow: "f",
  opened: true,
  bytes: 0,
  redials: 0,
  lastEchoAtMs: 2000,
  longestSilenceMs: 100,
  pod,
  sourceSeen,
});

describe("the witness", () => {
  it.each([
    ["a pod elsewhere sees the entry node's fabric address", cluster, "n3-a", "10.0.0.12", "n2"],
    ["a pod on the entry node sees its pods' gateway", cluster, "n2-b", "10.244.2.1", "n2"],
    ["a pod cannot see its own node's fabric address", cluster, "n2-b", "10.0.0.12", undefined],
    ["a pod cannot see another node's pods' gateway", cluster, "n2-b", "10.244.3.1", undefined],
    ["without masquerade there is no entry under Cluster", cluster, "n2-b", CLIENT, undefined],
    ["under Local the pod's node is the entry", local, "n3-a", CLIENT, "n3"],
    ["under Local any other source is a contradiction", local, "n3-a", "10.0.0.13", undefined],
    ["a pod that does not serve is a contradiction", local, "n2-a", CLIENT, undefined],
  ])("%s", (_, service, pod, source, node) => expect(entryNode(lab, service, CLIENT, seen(pod, source))).toBe(node));
});

const stays: FlowForecast = { flow: "f", prefix: "198.51.100.10/32", before: "10.0.0.11", after: "10.0.0.11", moved: false };
const moves: FlowForecast = { flow: "f", prefix: "198.51.100.10/32", before: "10.0.0.12", after: "10.0.0.13", moved: true };
const onN1 = seen("n3-a", "10.0.0.11");
const onN2 = seen("n3-a", "10.0.0.12");

const judgeOne = (forecast: FlowForecast, record: ConnectionRecord) =>
  judge(lab, cluster, [{ forecast, record, clientAddress: CLIENT }], KILLED_AT_MS);

describe("the judgment", () => {
  it("has nothing to say where everything was as forecast", () => {
    const outcomes = [
      { forecast: stays, record: onN1, clientAddress: CLIENT },
      { forecast: moves, record: { ...onN2, resetAtMs: 1050 }, clientAddress: CLIENT },
      { forecast: moves, record: { ...onN2, timedOutAtMs: 3100 }, clientAddress: CLIENT },
    ];
    expect(judge(lab, cluster, outcomes, KILLED_AT_MS)).toEqual({
      opened: 3,
      perNode: { n1: 1, n2: 2 },
      checked: 3,
      equal: 3,
      clientAddressSeen: 0,
      broken: { observed: 2, forecast: 2, onDepartedNode: 2, onSurvivors: 0, reset: 1, timedOut: 1 },
      differences: [],
    });
  });

  it("counts what broke on nodes that never failed apart", () => {
    const elsewhere = { ...moves, before: "10.0.0.11" };
    expect(judgeOne(elsewhere, { ...onN1, resetAtMs: 1050 }).broken).toMatchObject({ onDepartedNode: 0, onSurvivors: 1 });
  });

  it.each([
    ["entered elsewhere", stays, onN2, "f: forecast by n1, entered by n2 (n3-a saw 10.0.0.12)"],
    ["a contradiction", stays, seen("n1-a", "10.0.0.11"), "f: forecast by n1, entered by ? (n1-a saw 10.0.0.11)"],
    [
      "broke, and should have lived",
      stays,
      { ...onN1, resetAtMs: 1050 },
      "f: forecast to stay on n1, but reset 50 ms after the event",
    ],
    [
      "lived, and should have moved",
      moves,
      onN2,
      "f: forecast to move from n2 to n3, but it lived (last echo 1000 ms after the event)",
    ],
    ["broke too early", moves, { ...onN2, resetAtMs: 900 }, "f: broke before the event (reset -100 ms after the event)"],
    [
      "never opened",
      moves,
      { flow: "f", opened: false, bytes: 0, redials: 0, lastEchoAtMs: 0, longestSilenceMs: 0, error: "ECONNREFUSED" },
      "f: did not open (ECONNREFUSED); forecast: by n2",
    ],
  ])("tells by name what %s", (_, forecast, record, words) => expect(judgeOne(forecast, record).differences).toEqual([words]));
});
