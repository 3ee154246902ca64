/** `npm run bench`: every question that needs no network, one after the other. */
import { run as batch } from "./batch.ts";
import { run as forward } from "./forward.ts";
import { run as hash } from "./hash.ts";

for (const question of [hash, batch, forward]) await question();
