/** The witness: which node a pod's view points to. */
import { describe, expect, it } from "vitest";
import { loadLab } from "#src/lab/catalog.ts";
import { entryNode } from "#src/lab/witness.ts";

const lab = loadLab("metallb-bgp");
const [cluster, local] = lab.services;
const CLIENT = "10.0.1.2";

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
  ])("%s", (_, service, pod, source, node) => expect(entryNode(lab, service, CLIENT, { pod, sourceSeen: source })).toBe(node));
});
