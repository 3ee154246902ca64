/**
 * The band in which a fair draw falls: of `trials` connections, each of which picks a node with probability `share`, how many
 * pick it. Exact, from the distribution itself; the sums are of logarithms, because (1 - share)^trials is below any double.
 */
export interface Band {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Less than `tail` of all draws fall below `low`, and less than `tail` above `high`. */
export function binomialBand(trials: number, share: number, tail = 0.025): Band {
  const mean = trials * share;
  if (share <= 0 || share >= 1) return { mean, low: mean, high: mean };
  let logProbability = trials * Math.log1p(-share);
  let below = Math.exp(logProbability);
  let count = 0;
  let low = below >= tail ? 0 : undefined;
  while (below < 1 - tail && count < trials) {
    logProbability += Math.log(((trials - count) / (count + 1)) * (share / (1 - share)));
    count += 1;
    below += Math.exp(logProbability);
    if (low === undefined && below >= tail) low = count;
  }
  return { mean, low: low ?? count, high: count };
}
