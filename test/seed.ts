/**
 * One seed for every property test, so that the suite says the same of the same code: a run that lands is a run that can
 * be repeated. `SEED=n npm test` looks elsewhere, `SEED=random npm test` anywhere; a failure prints the seed it needs.
 */
import fc from "fast-check";

const { SEED = "1" } = process.env;

if (SEED !== "random") {
  const seed = Number(SEED);
  if (!Number.isInteger(seed)) throw new Error(`SEED is ${SEED}: want an integer or "random".`);
  fc.configureGlobal({ seed });
}
