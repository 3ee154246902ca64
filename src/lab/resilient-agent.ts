/**
 * What people put beside FRR 8.4 to have resilient next hops on Linux: an agent that follows the routes of BGP and installs the
 * same next hops as a resilient group of next-hop objects, in a table of its own that is looked at first: zebra would prefer a
 * kernel's route in the main table to its own, and take that away. A group is replaced as a whole at each change, and it is the
 * kernel that keeps the buckets of who stays.
 */
import { z } from "zod";
import type { Place } from "./place.ts";
import { execute } from "./process.ts";
import type { RouteSummary } from "./router-view.ts";

const FIRST_GROUP = 1000;
/** The number of the table, and of the rule that has it looked at before the main one. */
const TABLE = "100";

const bucketList = z.array(z.object({ bucket: z.object({ index: z.number(), nhid: z.number() }) }));

export class ResilientAgent {
  readonly buckets: number;
  readonly #place: Place;
  /** Numbers of next hops and of groups, by address and by prefix. */
  readonly #nextHops = new Map<string, number>();
  readonly #groups = new Map<string, number>();
  readonly #installed = new Map<string, string>();

  constructor(place: Place, buckets: number) {
    this.#place = place;
    this.buckets = buckets;
  }

  async start(): Promise<void> {
    await this.#ip("rule", "add", "priority", TABLE, "lookup", TABLE);
  }

  async install(routes: readonly RouteSummary[]): Promise<void> {
    for (const prefix of this.#installed.keys()) {
      if (!routes.some((route) => route.prefix === prefix)) await this.#withdraw(prefix);
    }
    for (const { prefix, nextHops } of routes) {
      const addresses = nextHops.map(({ address }) => address);
      if (this.#installed.get(prefix) === addresses.join()) continue;
      const group = this.#groups.get(prefix) ?? FIRST_GROUP + this.#groups.size;
      this.#groups.set(prefix, group);
      const numbers: number[] = [];
      for (const address of addresses) numbers.push(await this.#nextHopOf(address));
      const members = ["group", numbers.join("/"), "type", "resilient", "buckets", String(this.buckets), "idle_timer", "0"];
      await this.#ip("nexthop", "replace", "id", String(group), ...members);
      await this.#ip("route", "replace", prefix, "nhid", String(group), "table", TABLE);
      this.#installed.set(prefix, addresses.join());
    }
  }

  /** Each bucket's next hop, as the kernel has it. */
  async owners(prefix: string): Promise<string[]> {
    const group = this.#groups.get(prefix);
    if (group === undefined) return [];
    const said = bucketList.parse(JSON.parse(await this.#ip("-json", "nexthop", "bucket", "show", "id", String(group))));
    const addressOf = new Map([...this.#nextHops].map(([address, number]) => [number, address]));
    return said
      .map(({ bucket }) => bucket)
      .sort((a, b) => a.index - b.index)
      .map(({ nhid }) => addressOf.get(nhid) ?? "");
  }

  /** Groups go with their next hops, and routes with their groups. */
  async stop(): Promise<void> {
    await this.#ip("rule", "delete", "priority", TABLE);
    for (const number of [...this.#groups.values(), ...this.#nextHops.values()]) {
      await this.#ip("nexthop", "delete", "id", String(number));
    }
  }

  async #withdraw(prefix: string): Promise<void> {
    await this.#ip("route", "delete", prefix, "table", TABLE);
    this.#installed.delete(prefix);
  }

  /** Its number; made at its first use, and kept, because a next hop that is deleted leaves its groups. */
  async #nextHopOf(address: string): Promise<number> {
    const known = this.#nextHops.get(address);
    if (known !== undefined) return known;
    const number = this.#nextHops.size + 1;
    const [{ dev }] = z.array(z.object({ dev: z.string() })).parse(JSON.parse(await this.#ip("-json", "route", "get", address)));
    await this.#ip("nexthop", "replace", "id", String(number), "via", address, "dev", dev);
    this.#nextHops.set(address, number);
    return number;
  }

  #ip = (...words: string[]): Promise<string> => execute(this.#place(["ip", ...words]));
}
