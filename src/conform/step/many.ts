/** Steps with more routes than one UPDATE can withdraw. */
import type { Prefix } from "../../net/prefix.ts";
import { fail, notApplicable, pass, type Step, step } from "../check.ts";
import { ordinaryAttributes, updateBytes } from "../messages.ts";
import { FIRST_OF_MANY } from "../stage.ts";
import { OBSERVE_MS } from "./observe.ts";

const MANY_AT_ONCE = 750;
const MANY = 2 * MANY_AT_ONCE;

function manyPrefixes(): Prefix[] {
  return Array.from({ length: MANY }, (_, index) => ({ address: FIRST_OF_MANY + index, length: 32 }));
}

export function sendMany(): Step {
  return step(`send ${MANY} routes`, async (stage) => {
    const attributes = ordinaryAttributes(stage);
    for (let at = 0; at < MANY; at += MANY_AT_ONCE) {
      const prefixes = manyPrefixes().slice(at, at + MANY_AT_ONCE);
      stage.connection?.send(`an UPDATE of ${MANY_AT_ONCE} routes`, updateBytes({ attributes, prefixes }));
    }
    return undefined;
  });
}

export function observeMany(what: string, areThere: boolean): Step {
  return step(`expect that the observer is ${what}`, async (stage) => {
    const { observer } = stage;
    if (!observer) return notApplicable("needs an observer (--observer)");
    const brokenBefore = observer.brokenSessions;
    const count = () => manyPrefixes().filter((prefix) => (observer.route(prefix) !== undefined) === areThere).length;
    const isDone = await observer.until(() => count() === MANY, stage.until(OBSERVE_MS));
    if (observer.brokenSessions > brokenBefore) return fail("the observer got what cannot be read");
    return isDone ? pass(`the observer is ${what}`) : fail(`the observer is not ${what}`, `${count()} of ${MANY}`);
  });
}
