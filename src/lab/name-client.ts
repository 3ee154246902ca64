/** How the load client learns the address of a name: it asks the lab's name server, each time, as who keeps nothing has to. */
import { Resolver } from "node:dns/promises";
import type { ConnectionTarget } from "./connection.ts";

/** A server that was only told to read its names again answers in time. */
const PATIENCE = { timeout: 500, tries: 4 };

/** The address to connect to. A server that does not answer is a lab that is broken, and ends the client. */
export async function resolveTarget({ name, destinationAddress }: ConnectionTarget): Promise<string> {
  if (name === undefined) return destinationAddress;
  const resolver = new Resolver(PATIENCE);
  resolver.setServers([name.server]);
  const [address] = await (name.family === "ipv4" ? resolver.resolve4(name.name) : resolver.resolve6(name.name));
  return address;
}
