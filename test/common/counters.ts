/**
 * The law of the data plane's counters, for every test that reads them: each frame received has one verdict, and a refusal its
 * reason.
 */
type ByReason = Readonly<Record<string, number>>;

export interface Verdicts {
  readonly forwarded: number;
  readonly punted: ByReason;
  readonly slow: ByReason;
  readonly dropped: ByReason;
}

export const sumOf = (reasons: ByReason): number => Object.values(reasons).reduce((a, b) => a + b, 0);

/** To be as many as were received. */
export const accountedFor = ({ forwarded, punted, slow, dropped }: Verdicts): number =>
  forwarded + sumOf(punted) + sumOf(slow) + sumOf(dropped);
