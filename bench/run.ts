/** `npm run bench`: every question that needs no network, one after the other; or those that are named: `npm run bench -- hash`. */
import { run as batch } from "./batch.ts";
import { run as disrupt } from "./disrupt.ts";
import { run as forward } from "./forward.ts";
import { run as hash } from "./hash.ts";
import { run as lookup } from "./lookup.ts";
import { run as maglev } from "./maglev.ts";
import { run as replay } from "./replay.ts";

const QUESTIONS: Readonly<Record<string, () => Promise<unknown>>> = { hash, batch, lookup, forward, maglev, disrupt, replay };

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(QUESTIONS);
const unknown = names.find((name) => !Object.hasOwn(QUESTIONS, name));
if (unknown !== undefined) {
  process.stderr.write(`bench: ${unknown}, wanted one of ${Object.keys(QUESTIONS).join(", ")}\n`);
  process.exit(2);
}
for (const name of names) await QUESTIONS[name]();
