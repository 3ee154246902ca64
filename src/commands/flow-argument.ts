/** `--flow "tcp 10.0.0.2:1000 192.0.2.1:80"`: the flow, or which word of it is wrong. */
import { type Flow, hasPorts, PROTOCOLS, parseEndpoint, parseFlow, parseProtocol } from "../net/flow.ts";
import { CommandError } from "./output.ts";

export function flowOf(text: string): Flow {
  const wanted = findWanted(text);
  const flow = wanted === undefined ? parseFlow(text) : undefined;
  if (flow === undefined)
    throw new CommandError(`--flow: ${JSON.stringify(text)}, wanted ${wanted ?? "addresses of one family"}`);
  return flow;
}

const ENDPOINTS = "10.0.0.2:1000 or, an IPv6 address in brackets, [2001:db8::2]:1000";

/** What a word should be; undefined where each by itself is sound. */
function findWanted(text: string): string | undefined {
  const words = text.trim().split(/\s+/);
  if (words.length !== 3) return 'a protocol, a source and a destination, such as "tcp 10.0.0.2:1000 192.0.2.1:80"';
  const [name, ...ends] = words;
  const protocol = parseProtocol(name);
  if (protocol === undefined) return `for ${name} a number to 255 or one of ${Object.keys(PROTOCOLS).join(", ")}`;
  const endpoints = ends.map(parseEndpoint);
  const wrong = endpoints.indexOf(undefined);
  if (wrong >= 0) return `for ${ends[wrong]} an address and a port to 65535: ${ENDPOINTS}`;
  const portless = endpoints.findIndex((endpoint) => endpoint?.port === undefined);
  if (hasPorts(protocol) && portless >= 0) return `for ${ends[portless]} a port, too: ${ENDPOINTS}`;
  if (!hasPorts(protocol) && endpoints.some((endpoint) => endpoint?.port !== undefined)) return `no ports: ${name} has none`;
  return undefined;
}
