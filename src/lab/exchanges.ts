/** How many exchanges a connection is kept for, drawn from a seed. Pure. */
import { type Random, randomBelow } from "../net/random.ts";
import type { Exchanges } from "./scenario.ts";

/** What one connection may be kept for at most. */
export const MOST_EXCHANGES = 10_000;

export function drawExchanges(exchanges: Exchanges, random: Random): number {
  switch (exchanges.kind) {
    case "fixed":
      return exchanges.count;
    case "uniform":
      return exchanges.least + randomBelow(random, exchanges.most - exchanges.least + 1);
    case "geometric": {
      // After each exchange it ends with the probability 1 / mean: the number of the first end, by inversion.
      const survives = Math.log(1 - 1 / exchanges.mean);
      const drawn = survives === Number.NEGATIVE_INFINITY ? 1 : 1 + Math.floor(Math.log(1 - random() / 2 ** 32) / survives);
      return Math.min(drawn, MOST_EXCHANGES);
    }
  }
}

export const leastExchanges = (exchanges: Exchanges): number =>
  exchanges.kind === "fixed" ? exchanges.count : exchanges.kind === "uniform" ? exchanges.least : 1;
