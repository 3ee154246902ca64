/** Our routes as they come, change and go, and what the speaker makes of them: seen by the observer. */
import { type CheckGroup, fail, pass, step } from "../check.ts";
import { ordinaryAttributes, shutdownBytes, updateBytes } from "../messages.ts";
import { announce, asPath, withdraw } from "../step/announce.ts";
import { expectAlive } from "../step/expect.ts";
import { observeMany, sendMany } from "../step/many.ts";
import { needsObserver, OBSERVE_MS, observeNoRoute, observeRoute } from "../step/observe.ts";
import { establish, send } from "../step/session.ts";

export const ROUTE_CHECKS: CheckGroup = {
  title: "What it makes of our routes",
  checks: [
    {
      name: "route-passed-on",
      clause: "RFC 4271 5.1.2, 9.2",
      wanted: "an ordinary route is told to another neighbor, with its own AS number in front",
      steps: [
        needsObserver(),
        establish(),
        announce("an ordinary route"),
        observeRoute("the route with its AS number in front", ({ asPath: found }, { us }) =>
          found[0] === us.remoteAsn && found[1] === us.localAsn ? undefined : fail(`AS_PATH ${found.join(" ")}`),
        ),
      ],
    },
    {
      name: "route-replaced",
      clause: "RFC 4271 9.1.4, 4.3",
      wanted: "a second announcement of a prefix takes the place of the first",
      steps: [
        needsObserver(),
        establish(),
        announce("a route"),
        observeRoute(),
        announce("the same route with a longer path", ({ us }) => [asPath([us.localAsn, 64_900])]),
        step("expect that the observer is told of the longer path", async (stage) => {
          const { observer } = stage;
          const isNew = () => observer?.route(stage.prefix())?.asPath.includes(64_900) === true;
          return (await observer?.until(isNew, stage.until(OBSERVE_MS))) ? pass("the second counts") : fail("the first stays");
        }),
      ],
    },
    {
      name: "route-withdrawn",
      clause: "RFC 4271 4.3, 9.1.4",
      wanted: "a withdrawal is passed on",
      steps: [
        needsObserver(),
        establish(),
        announce("a route"),
        observeRoute(),
        withdraw,
        observeNoRoute("the withdrawal is passed on"),
      ],
    },
    {
      name: "withdrawal-of-nothing",
      clause: "RFC 4271 9.1.4",
      wanted: "a withdrawal of a prefix that it does not know is ignored",
      steps: [establish(), withdraw, expectAlive()],
    },
    {
      name: "announced-and-withdrawn",
      clause: "RFC 4271 4.3",
      wanted: "a prefix that is withdrawn and announced in one UPDATE is announced",
      steps: [
        establish(),
        send("an UPDATE that withdraws and announces the same prefix", (stage) =>
          updateBytes({ withdrawn: [stage.prefix()], attributes: ordinaryAttributes(stage), prefixes: [stage.prefix()] }),
        ),
        expectAlive(),
        observeRoute("the route", () => undefined, { missing: "warn" }),
      ],
    },
    {
      name: "own-as-in-path",
      clause: "RFC 4271 9.1.2",
      wanted: "a route that has been through its own AS is not used, and ends no session",
      steps: [
        establish(),
        announce("a route through its own AS", ({ us }) => [asPath([us.localAsn, us.remoteAsn])]),
        announce("another route, ordinary", () => [], 1),
        expectAlive(),
        observeRoute("the other route", () => undefined, { which: 1 }),
        observeNoRoute("the session lives, the route is not passed on"),
      ],
    },
    {
      name: "empty-update",
      clause: "RFC 4724 2",
      wanted: "an UPDATE of nothing, the End-of-RIB, ends no session",
      steps: [establish(), send("an UPDATE of nothing", () => updateBytes({})), expectAlive()],
    },
    {
      name: "loss-withdraws",
      clause: "RFC 4271 3.2, 8.2.2",
      wanted: "with our session, our routes are gone",
      steps: [
        needsObserver(),
        establish(),
        announce("a route"),
        observeRoute(),
        send("NOTIFICATION Cease/Administrative Shutdown", shutdownBytes),
        observeNoRoute("the route is withdrawn"),
      ],
    },
    {
      name: "withdrawal-split",
      clause: "RFC 4271 4, 4.3",
      wanted: "the loss of 1500 routes is told in as many UPDATEs as it takes, all well-formed",
      steps: [
        needsObserver(),
        establish(),
        sendMany(),
        observeMany("told of all routes", true),
        send("NOTIFICATION Cease/Administrative Shutdown", shutdownBytes),
        observeMany("told that all are gone", false),
      ],
    },
  ],
};
