/** `--flow "tcp 10.0.0.2:1000 192.0.2.1:80"`: the flow, or which word of it is wrong. */
import { type Flow, hasPorts, PROTOCOLS, parseEndpoint, parseFlow, parseProtocol } from "../net/flow.ts";
import { CommandError } from "./output.ts";

export function flowOf(text: string): Flow {
  const flow = parseFlow(text);
  if (flow === undefined) throw mistake(text, findWanted(text));
  if (!hasPorts(flow.protocol) && (flow.sourcePort > 0 || flow.destinationPort > 0))
    throw mistake(text, `no ports: ${text.trim().split(/\s+/)[0]} has none`);
  return flow;
}

const mistake = (text: string, wanted: string) => new CommandError(`--flow: ${JSON.stringify(text)}, wanted ${wanted}`);

function findWanted(text: string): string {
  const words = text.trim().split(/\s+/);
  if (words.length !== 3) return 'a protocol, a source and a destination, such as "tcp 10.0.0.2:1000 192.0.2.1:80"';
  const [protocol, source, destination] = words;
  if (parseProtocol(protocol) === undefined)
    return `for ${protocol} a number to 255 or one of ${Object.keys(PROTOCOLS).join(", ")}`;
  const wrong = [source, destination].find((word) => parseEndpoint(word) === undefined);
  if (wrong === undefined) return "addresses of one family";
  return `for ${wrong} an address and a port to 65535: 10.0.0.2:1000 or [2001:db8::2]:1000`;
}
