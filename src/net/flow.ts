/** A flow as people name it: "tcp 10.0.0.2:1000 192.0.2.1:80". Ports are 0 where the protocol has none. */
import { type Address, formatAddress, isIpv4, parseAddress } from "./address.ts";

export const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, gre: 47, icmp6: 58, sctp: 132 } as const;

export interface Flow {
  readonly protocol: number;
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export function parseProtocol(text: string): number | undefined {
  if (Object.hasOwn(PROTOCOLS, text)) return PROTOCOLS[text as keyof typeof PROTOCOLS];
  return /^[0-9]{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;
}

function formatProtocol(protocol: number): string {
  return Object.entries(PROTOCOLS).find(([, number]) => number === protocol)?.[0] ?? String(protocol);
}

export const hasPorts = (protocol: number): boolean =>
  protocol === PROTOCOLS.tcp || protocol === PROTOCOLS.udp || protocol === PROTOCOLS.sctp;

/** "10.0.0.2:1000", "[2001:db8::1]:1000" or a bare address. */
function formatEndpoint(address: Address, port: number): string {
  if (port === 0) return formatAddress(address);
  return isIpv4(address) ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
}

/** A port that is not said is undefined. */
export function parseEndpoint(text: string): { address: Address; port: number | undefined } | undefined {
  const parts = /^\[(.+)\](?::([0-9]{1,5}))?$/.exec(text) ?? /^([0-9.]+)(?::([0-9]{1,5}))?$/.exec(text) ?? /^(.+)()$/.exec(text);
  const address = parts ? parseAddress(parts[1]) : undefined;
  const port = parts?.[2] ? Number(parts[2]) : undefined;
  return address !== undefined && (port ?? 0) <= 65535 ? { address, port } : undefined;
}

export function formatFlow(flow: Flow): string {
  const source = formatEndpoint(flow.source, flow.sourcePort);
  return `${formatProtocol(flow.protocol)} ${source} ${formatEndpoint(flow.destination, flow.destinationPort)}`;
}

/** As `formatFlow` writes it: of a fragment no ports are known. */
export function parseFlow(text: string): Flow | undefined {
  const words = text.trim().split(/\s+/);
  if (words.length !== 3) return undefined;
  const protocol = parseProtocol(words[0]);
  const from = parseEndpoint(words[1]);
  const to = parseEndpoint(words[2]);
  if (protocol === undefined || !from || !to || isIpv4(from.address) !== isIpv4(to.address)) return undefined;
  const { address: source, port: sourcePort = 0 } = from;
  const { address: destination, port: destinationPort = 0 } = to;
  return { protocol, source, destination, sourcePort, destinationPort };
}
