/**
 * What the shape of a scenario file cannot say: that names refer to something of the lab, that traffic has source ports of its own,
 * that the timeline is one that a forecast knows the end of, and that assertions are about something that there is. Each strategy
 * is looked at with what the file says for all; `scenario-file.ts` has that done with whatever of the file is sound (`sound.ts`).
 */
import { highestRate } from "./arrivals.ts";
import { QUANTITIES } from "./assertion.ts";
import { durationMsOf, lastStepMs, planChanges } from "./expectation.ts";
import { type Lab, routersOf, type Service, serviceNamed } from "./lab.ts";
import { type Arrivals, type Assertion, MOST_BEATS_PER_SECOND, type RequestTraffic, type Step } from "./scenario.ts";
import {
  DEFAULT_HOLD_TIME_SECONDS,
  DEFAULT_WATCH_SECONDS,
  FIRST_EPHEMERAL_PORT,
  type ScenarioFile,
  type SharedSettings,
} from "./scenario-schema.ts";
import { drawRequests } from "./scenario-traffic.ts";
import { isWhole, type Refuse, type Sound } from "./sound.ts";
import { checkTimeline } from "./timeline-file.ts";

type Settings = Sound<SharedSettings>;
type Demand = NonNullable<Assertion["demand"]>;
type SoundTraffic = Sound<NonNullable<SharedSettings["traffic"]>[number]>;

/** A strategy with what is said for all, and where each of that stands. */
interface Part {
  readonly lab: Lab | undefined;
  readonly name: string;
  readonly seed: number | undefined;
  readonly settings: Settings;
  readonly at: (key: keyof Settings, ...rest: PropertyKey[]) => PropertyKey[];
  /** Undefined where it is wrong. */
  readonly holdTimeSeconds: number | undefined;
  readonly watchSeconds: number | undefined;
  /** Undefined where a step of it is wrong. */
  readonly steps: readonly Step[] | undefined;
}

export function checkScenario(file: Sound<ScenarioFile>, findLab: (name: string) => Lab | undefined, refuse: Refuse): void {
  const lab = file.lab === undefined ? undefined : findLab(file.lab);
  if (file.lab !== undefined && !lab) {
    refuse(["lab"], "one of `ecmp lab list`, or a lab file's path from here (./lab.yaml)");
  }
  // Without any strategy what is said for all is looked at by itself.
  for (const [name, own] of Object.entries(file.strategies ?? { "": {} })) {
    if (own === undefined) continue;
    const settings = { ...file, ...own };
    // What nobody says, the strategy does not.
    const isForAll = (key: keyof Settings) => !Object.hasOwn(own, key) && (Object.hasOwn(file, key) || name === "");
    const at: Part["at"] = (key, ...rest) => [...(isForAll(key) ? [key] : ["strategies", name, key]), ...rest];
    const holdTimeSeconds = "holdTimeSeconds" in settings ? settings.holdTimeSeconds : DEFAULT_HOLD_TIME_SECONDS;
    const watchSeconds = "watchSeconds" in settings ? settings.watchSeconds : DEFAULT_WATCH_SECONDS;
    const part = { lab, name, seed: file.seed, settings, at, holdTimeSeconds, watchSeconds };
    const { timeline = [], prefixLimit } = settings;
    const linuxIn = isLinux(settings) ? name : undefined;
    const refuseStep: Refuse = (path, wanted) => refuse(at("timeline", ...path), wanted);
    const steps = checkTimeline(lab, timeline, { holdTimeSeconds, prefixLimit, seed: file.seed, linuxIn }, refuseStep);
    const isKnown = !("timeline" in settings) || settings.timeline !== undefined;
    const whole = { ...part, steps: isKnown ? steps : undefined };
    checkRouter(whole, refuse);
    checkTraffic(whole, refuse);
    checkPorts(whole, refuse);
    checkEnd(whole, refuse);
    checkAssertions(whole, refuse);
  }
}

const isLinux = ({ router }: Settings): boolean => router?.kind === "linux";

function checkRouter({ lab, settings, at }: Part, refuse: Refuse): void {
  const { router } = settings;
  for (const key of ["bfd", "prefixLimit"] as const) {
    if (isLinux(settings) && settings[key] !== undefined) refuse(at(key), `our router, where there is ${key}`);
  }
  if (!lab) return;
  const routers = routersOf(lab).map(({ name }) => name);
  if (isLinux(settings) && routers.length > 1) refuse(at("router", "linux"), "our routers, in a lab of several");
  for (const name of Object.keys((router && "ecmpOf" in router && router.ecmpOf) || {})) {
    if (!routers.includes(name)) refuse(at("router", "ecmpOf", name), `one of ${routers.join(", ")}`);
  }
}

function checkTraffic({ lab, name, settings, at }: Part, refuse: Refuse): void {
  if (!("traffic" in settings)) {
    if (name !== "") refuse(at("traffic"), "some traffic, here or for all");
    return;
  }
  settings.traffic?.forEach((traffic, i) => {
    if (traffic === undefined) return;
    const [count, what] =
      traffic.kind === "connections"
        ? [traffic.count, "heartbeats a second, of all connections"]
        : traffic.kind === "datagrams"
          ? [traffic.flows, "datagrams a second, of all flows"]
          : [];
    if (count !== undefined && traffic.everyMs !== undefined && (count * 1000) / traffic.everyMs > MOST_BEATS_PER_SECOND) {
      refuse(at("traffic", i, "everyMs"), `at most ${MOST_BEATS_PER_SECOND} ${what}`);
    }
    if (!lab || traffic.kind === undefined) return;
    if (lab.nat && traffic.kind === "requests") {
      refuse(at("traffic", i, "kind"), "connections or datagrams: behind a NAT only what is open has a forecast");
    }
    const fit = servicesFor(lab, traffic.kind);
    if (traffic.service === undefined || fit.includes(traffic.service)) return;
    const protocol = traffic.kind === "datagrams" ? "udp" : "tcp";
    refuse(
      at("traffic", i, "service"),
      fit.length > 0 ? `one of ${fit.join(", ")}` : `a lab with a service for ${traffic.kind}, by ${protocol}`,
    );
  });
}

/** The services, and the names of such, that a kind of traffic may ask for. */
function servicesFor(lab: Lab, kind: NonNullable<SoundTraffic["kind"]>): string[] {
  const protocol = kind === "datagrams" ? "udp" : "tcp";
  const isFit = ({ protocols, appProtocol }: Service) =>
    protocols.includes(protocol) && (kind === "requests" || appProtocol === undefined);
  const leading = lab.names.filter((each) => isFit(serviceNamed(lab, each.service)));
  return [...lab.services.filter(isFit), ...leading].map(({ name }) => name);
}

/** One host has all the clients: what goes by the same protocol has source ports apart, all of them below those of the system. */
function checkPorts(part: Part, refuse: Refuse): void {
  const { settings, at } = part;
  const traffic = settings.traffic ?? [];
  const counts = countFlows(part, refuse);
  const taken: { readonly protocol: string; readonly from: number; readonly to: number }[] = [];
  traffic.forEach((each, i) => {
    const [from, count] = [each?.firstSourcePort, counts[i]];
    if (each?.kind === undefined || from === undefined || count === undefined) return;
    const wrong = (wanted: string) => refuse(at("traffic", i, "firstSourcePort"), wanted);
    const protocol = each.kind === "datagrams" ? "udp" : "tcp";
    const to = from + count;
    if (to > FIRST_EPHEMERAL_PORT) {
      wrong(`${count} ports below ${FIRST_EPHEMERAL_PORT}, from which on the system takes those of further attempts`);
    }
    const other = taken.find((claim) => claim.protocol === protocol && from < claim.to && claim.from < to);
    if (other) wrong(`source ports that no traffic before it uses (${other.from} to ${other.to - 1})`);
    taken.push({ protocol, from, to });
  });
}

/** More than any scenario has source ports for. */
const MOST_DRAWN = 1_000_000;

/** How many source ports each kind of traffic takes, where that is known. */
function countFlows({ seed, settings, at, steps, watchSeconds }: Part, refuse: Refuse): (number | undefined)[] {
  const traffic = settings.traffic ?? [];
  const durationMs = steps && watchSeconds !== undefined ? durationMsOf({ timeline: steps, watchSeconds }) : undefined;
  // Chance goes from one to the next.
  const requests: (SoundTraffic | undefined)[] = traffic.filter((each) => each === undefined || each.kind === "requests");
  const isDrawable = durationMs !== undefined && requests.every((each) => isRequests(each) && isDrawn(each));
  let isTooMany = false;
  traffic.forEach((each, i) => {
    if (!isDrawable || !isRequests(each)) return;
    if ((highestRate(each.arrivals) * durationMs) / 1000 <= MOST_DRAWN) return;
    isTooMany = true;
    refuse(at("traffic", i, "arrivals"), `fewer requests in ${durationMs / 1000} s than there are source ports`);
  });
  const drawn =
    isDrawable && seed !== undefined && !isTooMany
      ? drawRequests({ traffic: requests as RequestTraffic[], seed }, durationMs).map(({ length }) => length)
      : [];
  return traffic.map((each) => {
    if (each?.kind === "connections") return each.count;
    if (each?.kind === "datagrams") return each.flows;
    return drawn[requests.indexOf(each)];
  });
}

const isRequests = (traffic: SoundTraffic | undefined): traffic is RequestTraffic => traffic?.kind === "requests";

const isDrawn = ({ arrivals, exchanges, everyMs }: Sound<RequestTraffic>): boolean =>
  isWhole(arrivals) && hasKind(arrivals) && isWhole(exchanges) && hasKind(exchanges) && everyMs !== undefined;

/** What is wrong stands as it was written, without one. */
const hasKind = (value: Sound<Arrivals | RequestTraffic["exchanges"]> | undefined): boolean => value?.kind !== undefined;

/** Requests go on until the router has found all that befalls nodes. */
function checkEnd({ lab, settings, at, steps, holdTimeSeconds, watchSeconds }: Part, refuse: Refuse): void {
  const { bfd, gracefulRestart, prefixLimit } = settings;
  if (!lab || !steps || holdTimeSeconds === undefined || watchSeconds === undefined) return;
  if (!settings.traffic?.some(isRequests) || (bfd && !isWhole(bfd))) return;
  const timers = bfd as SharedSettings["bfd"];
  const { changes } = planChanges(lab, { timeline: steps, holdTimeSeconds, bfd: timers, gracefulRestart, prefixLimit });
  const late = changes.findLast(({ plannedMs }) => plannedMs >= durationMsOf({ timeline: steps, watchSeconds }));
  if (!late) return;
  const seconds = (late.plannedMs - lastStepMs(steps)) / 1000;
  refuse(at("watchSeconds"), `more than ${seconds} s: requests end before the router finds what befell ${late.node}`);
}

function checkAssertions(part: Part, refuse: Refuse): void {
  part.settings.assertions?.forEach((assertion, i) => {
    if (!assertion?.demand) return;
    for (const wanted of wantedFor(part, assertion.demand)) refuse(part.at("assertions", i), wanted);
  });
}

/** What a strategy would have to have, so that there is what is demanded. */
function wantedFor({ lab, name, settings: { traffic }, steps }: Part, demand: Sound<Demand>): string[] {
  const quantity = QUANTITIES.get(demand.quantity ?? "");
  if (!quantity || !traffic?.every((each) => each?.kind !== undefined)) return [];
  const ofStrategy = name === "" ? "" : ` of ${name}`;
  const asking = traffic.filter((each) => each?.kind === quantity.kind).map((each) => each?.service);
  const wanted: string[] = [];
  if (asking.length === 0) wanted.push(`${quantity.kind} in the traffic${ofStrategy}, which it is about`);
  if (quantity.ofFaults && steps?.every((step) => !("fault" in step))) {
    wanted.push(`a fault in the timeline${ofStrategy}, from which on it counts`);
  }
  if (demand.service === undefined || !lab || !steps || asking.length === 0 || asking.includes(undefined)) return wanted;
  const reached = [...new Set(asking.flatMap((word) => servicesOfWord(lab, steps, word as string)))];
  if (!reached.includes(demand.service)) {
    wanted.push(`a service that the ${quantity.kind}${ofStrategy} ask for: ${reached.join(", ")}`);
  }
  return wanted;
}

/** A service itself, or those that a name leads to by and by. */
function servicesOfWord(lab: Lab, steps: readonly Step[], word: string): string[] {
  const name = lab.names.find((each) => each.name === word);
  return name ? [name.service, ...steps.flatMap((step) => ("name" in step && step.name === word ? step.to : []))] : [word];
}
