/**
 * `ecmp probe`: which way does this flow really go? Probes of the flow itself, from a host in front of the router, tell who handles
 * it behind; what they tell is held against what `ecmp explain` says.
 */
import { networkInterfaces } from "node:os";
import { Command } from "commander";
import type { Explanation } from "../experiment/explain.ts";
import type { FibState } from "../fib/state.ts";
import { type Address, formatAddress, isIpv4, isLinkLocal, parseAddress } from "../net/address.ts";
import { systemClock } from "../net/clock.ts";
import { type Flow, formatFlow, hasPorts } from "../net/flow.ts";
import { openRawSockets } from "../port/raw-sockets.ts";
import { PROBED_PROTOCOLS } from "../wire/probe.ts";
import { wholeNumber } from "./flag-value.ts";
import { flowOf } from "./flow-argument.ts";
import { CommandError, EXIT, print, printJson } from "./output.ts";
import { createProber, type Hop } from "./probe-flows.ts";
import { addStateOptions, explainerOf, loadState, type StateOptions } from "./state-options.ts";

interface Options extends StateOptions {
  readonly flow: readonly string[];
  readonly sourcePorts: number;
  readonly firstTtl: number;
  readonly maximumTtl: number;
  readonly attempts: number;
  readonly timeoutMs: number;
  readonly json?: boolean;
}

/** `unknown`: nobody who answered is a next hop, or nothing was asked to compare with. */
type Verdict = "agrees" | "differs" | "unknown";

interface Probed {
  readonly flow: string;
  readonly hops: readonly Hop[];
  readonly nextHop: string | null;
  readonly explained: string | null;
  readonly verdict: Verdict;
}

export function probeCommand(): Command {
  const addFlow = (flow: string, flows: readonly string[]): readonly string[] => [...flows, flow];
  const command = new Command("probe").description(
    "ask the network which way a flow goes, from a host in front of the router (as root), and compare with explain",
  );
  return addStateOptions(command)
    .option(
      "--flow <flow>",
      'from an address of this host: "udp 10.0.1.2:33434 192.0.2.1:53"; may be given several times',
      addFlow,
      [],
    )
    .option("--source-ports <n>", "so many flows of each, with source ports from the given one on", wholeNumber(1, 65_535), 1)
    .option("--first-ttl <n>", "2 asks the next hop at once, where the router is the first hop", wholeNumber(1, 255), 1)
    .option("--maximum-ttl <n>", "give up behind this hop", wholeNumber(1, 255), 8)
    .option("--attempts <n>", "probes for each flow and TTL, while none is answered", wholeNumber(1, 100), 3)
    .option("--timeout-ms <n>", "how long an answer may take", wholeNumber(1, 60_000), 1000)
    .option("--json", "one JSON object a flow and line")
    .action(probe);
}

async function probe(options: Options): Promise<void> {
  const flows = findFlows(options);
  const state = await loadState(options);
  const explainFlow = state && explainerOf(state, options);
  const members = state ? memberAddresses(state) : new Set<string>();
  const courses = await send(flows, { ...options, isEnough: (from) => members.has(formatAddress(from)) });
  const probed = courses.map(({ flow, hops }) => judge(flow, hops, members, explainFlow?.(flow)));
  for (const one of probed) options.json ? printJson(toJson(one)) : print(format(one));
  const count = (verdict: Verdict): number => probed.filter((one) => one.verdict === verdict).length;
  if (state && !options.json)
    print(
      `${probed.length} flows: ${count("agrees")} go where explain says, ${count("differs")} elsewhere, ${count("unknown")} unknown`,
    );
  if (count("differs") > 0) process.exitCode = EXIT.no;
}

function findFlows({ flow: texts, sourcePorts }: Options): Flow[] {
  if (texts.length === 0) throw new CommandError("probe: no flow, wanted --flow");
  const flows = texts.flatMap((text) => {
    const flow = flowOf(text);
    if (!PROBED_PROTOCOLS.includes(flow.protocol)) throw new CommandError(`probe: ${text}, wanted tcp, udp, icmp or icmp6`);
    if (sourcePorts > 1 && !hasPorts(flow.protocol))
      throw new CommandError(`probe: ${text} has no ports, wanted --source-ports 1`);
    if (flow.sourcePort + sourcePorts > 65_536)
      throw new CommandError(`probe: ${sourcePorts} source ports from ${flow.sourcePort} on, wanted none above 65535`);
    return Array.from({ length: sourcePorts }, (_, i) => ({ ...flow, sourcePort: flow.sourcePort + i }));
  });
  const [first] = flows;
  const isLikeFirst = (flow: Flow): boolean => flow.protocol === first.protocol && isIpv4(flow.source) === isIpv4(first.source);
  if (!flows.every(isLikeFirst))
    throw new CommandError("probe: flows of several kinds, wanted one protocol and family at a time");
  return flows;
}

const memberAddresses = ({ groups }: FibState): Set<string> =>
  new Set(groups.flatMap(({ members }) => members.map(({ address }) => address)));

async function send(flows: readonly Flow[], options: Options & { isEnough(from: Address): boolean }) {
  let prober: ReturnType<typeof createProber> | undefined;
  let fail = (_: Error): void => {};
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  try {
    const { protocol, source } = flows[0];
    const sockets = openRawSockets({ protocol, isV4: isIpv4(source) }, (message) => prober?.take(message), fail);
    prober = createProber(sockets.send, systemClock);
    try {
      requireOwn(flows);
      return await Promise.race([prober.probe(flows, options), failure]);
    } finally {
      sockets.close();
    }
  } catch (error) {
    throw new CommandError(`probe: ${(error as Error).message}`);
  }
}

/** Whoever is asked answers to the source, and elsewhere nobody would hear it. */
function requireOwn(flows: readonly Flow[]): void {
  const texts = Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []);
  const own = new Set(texts.map(parseAddress));
  const foreign = flows.find(({ source }) => !isLinkLocal(source) && !own.has(source));
  if (foreign) throw new Error(`${formatAddress(foreign.source)} is no address of this host, wanted one of ${texts.join(", ")}`);
}

function judge(flow: Flow, hops: readonly Hop[], members: ReadonlySet<string>, explanation: Explanation | undefined): Probed {
  const answered = hops.flatMap(({ answer }) => (answer ? [formatAddress(answer.from)] : []));
  const nextHop = answered.find((address) => members.has(address)) ?? null;
  const explained = explanation?.nextHop ?? null;
  const verdict = nextHop === null || explained === null ? "unknown" : isSame(nextHop, explained) ? "agrees" : "differs";
  return { flow: formatFlow(flow), hops, nextHop, explained, verdict };
}

const isSame = (a: string, b: string): boolean => parseAddress(a) === parseAddress(b);

const toJson = ({ hops, ...probed }: Probed) => ({
  ...probed,
  hops: hops.map(({ ttl, answer, roundTripMs }) => ({
    ttl,
    address: answer ? formatAddress(answer.from) : null,
    answer: answer?.kind ?? null,
    roundTripMs: roundTripMs === undefined ? null : Number(roundTripMs.toFixed(3)),
  })),
});

function format({ flow, hops, nextHop, explained, verdict }: Probed): string {
  const lines = hops.map(({ ttl, answer, roundTripMs }) =>
    answer
      ? `  ${String(ttl).padStart(3)}  ${formatAddress(answer.from).padEnd(39)}  ${roundTripMs?.toFixed(3)} ms  ${answer.kind}`
      : `  ${String(ttl).padStart(3)}  no answer`,
  );
  const verdicts: Readonly<Record<Verdict, string>> = {
    agrees: `${nextHop}, as explained`,
    differs: `${nextHop}, and explain says ${explained}`,
    unknown: explained === null ? "unknown" : `unknown: none of them answered, and explain says ${explained}`,
  };
  return [flow, ...lines, `  next hop  ${verdicts[verdict]}`].join("\n");
}
