/**
 * A lab's result without a lab: tables filled by the real selectors, the real forecast, and connections that obey it (but for
 * one, when asked for), judged by the real judgment.
 */
import { SELECTORS } from "#src/ecmp/selector.ts";
import { digestForecast, forecastRemoval } from "#src/experiment/forecast.ts";
import type { FibState } from "#src/fib/state.ts";
import { loadLab } from "#src/lab/catalog.ts";
import { judge } from "#src/lab/judgment.ts";
import { announcersOf, type Lab, nodeNamed, podsOf, type SelectorChoice, type Service } from "#src/lab/lab.ts";
import type { LabResult, SpeakerReport } from "#src/lab/report.ts";
import { SPEAKERS } from "#src/lab/speaker/kinds.ts";
import { planConnections } from "#src/lab/traffic.ts";
import { formatAddress } from "#src/net/address.ts";
import { formatPrefix, hostPrefix } from "#src/net/prefix.ts";

const KILLED_AT_MS = 5000;

export function makeSpeakers(lab: Lab): SpeakerReport[] {
  return lab.nodes.map(({ name, kind }) => ({
    node: name,
    implementation: SPEAKERS[kind].implementation,
    version: "10.10.10",
    state: "Established",
  }));
}

export function makeLabResult(disobedient: boolean): LabResult {
  const lab = loadLab("metallb-bgp");
  return {
    lab,
    speakers: makeSpeakers(lab),
    runs: lab.experiment.selectors.map((selector) => makeRun(lab, selector, disobedient)),
  };
}

function makeRun(lab: Lab, selector: SelectorChoice, disobedient: boolean): LabResult["runs"][number] {
  const state = makeState(lab, selector);
  const { node, kind } = lab.experiment.event;
  const departed = nodeNamed(lab, node).address.address;
  const connections = planConnections(lab);
  const forecasts = forecastRemoval(
    state,
    connections.map(({ flow }) => flow),
    departed,
  );
  const firstMoved = forecasts.findIndex(({ moved }) => moved);
  const services = lab.services.map((service) => {
    const outcomes = connections.flatMap(({ target, service: wanted }, index) => {
      if (wanted !== service) return [];
      const forecast = forecasts[index];
      const seen = { sourceSeen: target.sourceAddress, ...seenBy(lab, service, forecast.before) };
      const breaks = forecast.moved && !(disobedient && index === firstMoved);
      const record = {
        flow: target.flow,
        opened: true,
        bytes: 0,
        redials: 0,
        lastEchoAtMs: KILLED_AT_MS + (index % 100),
        longestSilenceMs: 100,
        ...seen,
      };
      const broken = breaks ? { resetAtMs: KILLED_AT_MS + 12 + (index % 97) } : {};
      return [{ forecast, record: { ...record, ...broken }, clientAddress: target.sourceAddress }];
    });
    const nextHops = announcersOf(lab, service).length;
    return { service, nextHops, outcomes, judgment: judge(lab, service, outcomes, KILLED_AT_MS) };
  });
  const event = { kind, node, detectedMs: 2.5, convergedMs: 6.25 };
  return { selector, state, digest: digestForecast(forecasts), event, struckAtMs: KILLED_AT_MS, services };
}

/** What a pod of the service says to a connection that entered by the node with this address. */
export function seenBy(lab: Lab, service: Service, nextHop: string | undefined) {
  const entry = lab.nodes.find(({ address }) => formatAddress(address.address) === nextHop);
  const pod = podsOf(lab, service).find((each) => each.node === entry?.name);
  if (service.externalTrafficPolicy === "Local" || !entry || !pod) return { pod: pod?.name ?? "" };
  return { pod: pod.name, sourceSeen: formatAddress(entry.podGateway.address.address) };
}

export function makeState(lab: Lab, { name, ...options }: SelectorChoice): FibState {
  const groups = lab.services.map((service, id) => {
    const members = announcersOf(lab, service).map(({ address }) => ({ address: address.address, weight: 1 }));
    const table = SELECTORS[name].fill(members, options);
    const owners = Array.from(table.owners);
    return {
      id,
      prefixes: [formatPrefix(hostPrefix(service.address))],
      members: members.map(({ address, weight }, index) => {
        return { address: formatAddress(address), weight, share: owners.filter((owner) => owner === index).length };
      }),
      reduction: table.reduction,
      owners,
      ...(table.memory && { memory: table.memory }),
    };
  });
  const fields = ["source-address", "destination-address", "protocol", "source-port", "destination-port"] as const;
  return {
    hash: { algorithm: "xxh32", fields, seed: lab.experiment.hash.seed },
    selector: { name, ...options },
    memberOrder: "address",
    groups,
  };
}
