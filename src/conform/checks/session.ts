/** What the speaker says in a session of its own accord: its routes, their end, its answers to ROUTE-REFRESH. */
import { encodeAttribute } from "../../bgp/attribute-list.ts";
import { findCapability } from "../../bgp/capabilities.ts";
import { frame } from "../../bgp/framer.ts";
import { ERROR, MESSAGE, REFRESH_ERROR } from "../../bgp/iana.ts";
import { encodeMessage } from "../../bgp/message.ts";
import { IPV4_UNICAST } from "../../bgp/nlri.ts";
import { REFRESH } from "../../bgp/route-refresh.ts";
import { prefixKey } from "../../net/prefix.ts";
import { type CheckGroup, fail, notApplicable, pass, type Step, step } from "../check.ts";
import { OPTIONAL_TRANSITIVE, ordinaryAttributes, standardCapabilities, updateBytes } from "../messages.ts";
import type { Stage } from "../stage.ts";
import { isOfChecks } from "../stage.ts";
import { ANSWER_MS, brokenBy, expectAlive, expectNotification, read } from "../step/expect.ts";
import { establish, send } from "../step/session.ts";

const withCapability =
  (capability: Parameters<typeof findCapability>[0][number]) =>
  ({ us }: Stage) => ({
    capabilities: [...standardCapabilities(us.localAsn), capability],
  });

const whereOffered = (name: "route-refresh" | "enhanced-route-refresh" | "extended-message" | "graceful-restart"): Step =>
  step(`where it offers ${name.replaceAll("-", " ")}`, async ({ peerOpen }) =>
    findCapability(peerOpen?.capabilities ?? [], name) ? undefined : notApplicable("not offered"),
  );

const FIRST_ROUTES_MS = 2500;

/** Keys of what of its own it announces before the first End-of-RIB, or in the first seconds. */
async function readRoutes(
  stage: Stage,
): Promise<{ keys: Set<number | string>; faulty: boolean; firstAsns: Set<number> } | string> {
  const found = { keys: new Set<number | string>(), faulty: false, firstAsns: new Set<number>() };
  const endMs = stage.until(FIRST_ROUTES_MS);
  for (;;) {
    const arrival = await stage.connection?.next(endMs);
    if (arrival === undefined) return found;
    const broken = brokenBy(arrival);
    if (broken) return broken.saw;
    if (arrival.kind !== "message" || arrival.message.kind !== "update") continue;
    const all = [...arrival.message.announcements.flatMap(({ prefixes }) => prefixes), ...arrival.message.withdrawn];
    // What other checks are telling it at the same time is not its own.
    if (all.some(isOfChecks)) continue;
    found.faulty ||= arrival.faults.length > 0;
    for (const { prefixes, attributes } of arrival.message.announcements) {
      for (const prefix of prefixes) found.keys.add(prefixKey(prefix));
      found.firstAsns.add(attributes.asPath[0]?.asns[0] ?? 0);
    }
    if (arrival.message.endOfRib) return found;
  }
}

const refreshBytes = (afi: number): Uint8Array =>
  encodeMessage({ kind: "route-refresh", family: { afi, safi: 1 }, subtype: 0 }, 4)[0];

/** The mark that its routes come again, with a byte too many. */
const LONG_MARK = frame(MESSAGE.routeRefresh, [0, IPV4_UNICAST.afi, REFRESH.begin, IPV4_UNICAST.safi, 0]);

const bigUpdate = (stage: Stage): Uint8Array => {
  const filler = encodeAttribute(240, OPTIONAL_TRANSITIVE, new Uint8Array(5000));
  return updateBytes({ attributes: new Map([...ordinaryAttributes(stage), [240, filler]]), prefixes: [stage.prefix()] });
};

export const SESSION_CHECKS: CheckGroup = {
  title: "What it says in a session",
  checks: [
    {
      name: "updates-well-formed",
      clause: "RFC 4271 4.3, 5, 6.3",
      wanted: "every UPDATE it sends is free of faults, and from another AS begins its path with its own number",
      steps: [
        establish(),
        step("read its routes", async (stage) => {
          const found = await readRoutes(stage);
          if (typeof found === "string") return fail(found);
          if (found.faulty) return fail("an UPDATE of it is malformed");
          if (found.keys.size === 0) return notApplicable("it announces nothing to us");
          const { localAsn, remoteAsn } = stage.us;
          const stranger = [...found.firstAsns].find((asn) => localAsn !== remoteAsn && asn !== remoteAsn);
          if (stranger !== undefined) return fail(`a path begins with AS ${stranger}`);
          return pass("well-formed", `${found.keys.size} prefixes`);
        }),
      ],
    },
    {
      name: "end-of-rib",
      clause: "RFC 4724 2, 4",
      wanted: "where graceful restart is offered by both, the End-of-RIB after its first routes",
      steps: [
        establish(
          "graceful restart, as a helper",
          withCapability({
            name: "graceful-restart",
            restarting: false,
            notification: false,
            restartTimeSeconds: 0,
            families: [],
          }),
          "fail",
        ),
        whereOffered("graceful-restart"),
        step("expect End-of-RIB", async (stage) =>
          read(
            stage,
            (message) => (message.kind === "update" && message.endOfRib ? pass("End-of-RIB") : undefined),
            fail("no End-of-RIB within twelve seconds"),
            2 * ANSWER_MS,
          ),
        ),
      ],
    },
    {
      name: "route-refresh-answered",
      clause: "RFC 2918 4",
      wanted: "it sends its routes again when asked to",
      steps: [
        establish(),
        whereOffered("route-refresh"),
        step("read its routes, send ROUTE-REFRESH, expect them again", async (stage) => {
          const found = await readRoutes(stage);
          if (typeof found === "string") return fail(found);
          if (found.keys.size === 0) return notApplicable("it announces nothing to us");
          stage.connection?.send("ROUTE-REFRESH for IPv4 unicast", refreshBytes(IPV4_UNICAST.afi));
          return await read(
            stage,
            (message) => {
              if (message.kind !== "update") return undefined;
              const prefixes = message.announcements.flatMap((one) => one.prefixes);
              return prefixes.some((prefix) => found.keys.has(prefixKey(prefix))) ? pass("its routes come again") : undefined;
            },
            fail(`no route again within ${ANSWER_MS / 1000} seconds`),
          );
        }),
      ],
    },
    {
      name: "route-refresh-unknown-family",
      clause: "RFC 2918 4",
      wanted: "a request for a family that was not agreed on is ignored",
      steps: [
        establish(),
        whereOffered("route-refresh"),
        send("ROUTE-REFRESH for AFI 99", () => refreshBytes(99)),
        expectAlive(),
      ],
    },
    {
      name: "route-refresh-length",
      clause: "RFC 7313 5",
      wanted: "where enhanced refresh is offered by both, a mark of the wrong length ends the session with 7/1, which quotes it",
      steps: [
        establish("enhanced route refresh", withCapability({ name: "enhanced-route-refresh" }), "fail"),
        whereOffered("enhanced-route-refresh"),
        send("a ROUTE-REFRESH of 24 bytes, subtype 1", () => LONG_MARK),
        expectNotification(ERROR.routeRefresh, REFRESH_ERROR.invalidLength, { data: [...LONG_MARK] }),
      ],
    },
    {
      name: "extended-message",
      clause: "RFC 8654 3, 4",
      wanted: "where messages longer than 4096 bytes are offered by both, one of 5000 bytes is taken",
      steps: [
        establish("extended messages", withCapability({ name: "extended-message" }), "fail"),
        whereOffered("extended-message"),
        send("an UPDATE of more than 5000 bytes", bigUpdate),
        expectAlive(),
      ],
    },
  ],
};
