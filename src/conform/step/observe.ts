/**
 * Steps that look at what the speaker tells the observer. Without one, a check that is also about the life of the session
 * goes on; one that is about nothing else does not apply.
 */
import { fail, notApplicable, type Outcome, outcome, pass, type Step, step, type Verdict } from "../check.ts";
import type { Observed, ObservedRoute } from "../observed.ts";
import type { Stage } from "../stage.ts";

export const OBSERVE_MS = 5000;

/** Speakers that pass nothing on at all (injectors, receivers) cannot be seen through: found out once, before the checks. */
export const needsObserver = (): Step =>
  step("with an observer", async ({ observer }) => (observer ? undefined : notApplicable("needs an observer (--observer)")));

export const observeRoute = (
  what = "the route",
  judge: (route: ObservedRoute, stage: Stage) => Outcome | undefined = () => undefined,
  { which = 0, missing = "fail" }: { readonly which?: 0 | 1; readonly missing?: Verdict } = {},
): Step =>
  whenObserved(`expect that the observer is told of ${what}`, async (stage, observer) => {
    const prefix = stage.prefix(which);
    const isTold = () => observer.route(prefix) !== undefined || observer.fault(prefix) !== undefined;
    await observer.until(isTold, stage.until(OBSERVE_MS));
    const route = observer.route(prefix);
    const fault = observer.fault(prefix);
    if (fault !== undefined) return fail(`the observer is told of the route, but malformed: ${fault}`);
    if (!route) return outcome(missing, "the observer is not told of the route");
    return judge(route, stage) ?? pass("the observer is told of the route");
  });

/** The route is gone, or was never there by the time when the second prefix is. */
export const observeNoRoute = (saw: string): Step =>
  whenObserved("expect that the observer is not, or no longer, told of the route", async (stage, observer) => {
    const isGone = await observer.until(() => observer.route(stage.prefix()) === undefined, stage.until(OBSERVE_MS));
    const fault = observer.fault(stage.prefix());
    if (fault !== undefined) return fail(`the observer is told of the route, malformed: ${fault}`);
    return isGone ? pass(saw) : fail("the observer is still told of the route");
  });

const whenObserved = (text: string, look: (stage: Stage, observer: Observed) => Promise<Outcome>): Step =>
  step(text, async (stage) => (stage.observer ? await look(stage, stage.observer) : undefined));
