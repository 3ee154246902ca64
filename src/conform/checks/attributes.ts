/**
 * Malformed path attributes: RFC 7606 as a table, a row for each fault with the consequence that the RFC gives it. The
 * session has to live through all but the last few; whether the route is really withdrawn, or the attribute really left
 * out, is seen by the observer.
 */
import { encodeAttribute } from "../../bgp/attribute-list.ts";
import { joinBytes, uint16, uint32 } from "../../bgp/bytes.ts";
import { ATTRIBUTE } from "../../bgp/iana.ts";
import { encodePrefix } from "../../bgp/nlri.ts";
import { type Check, type CheckGroup, fail } from "../check.ts";
import {
  type Attributes,
  OPTIONAL,
  OPTIONAL_TRANSITIVE,
  ordinaryAttributes,
  rawUpdate,
  updateBytes,
  WELL_KNOWN,
} from "../messages.ts";
import type { Stage } from "../stage.ts";
import { announce } from "../step/announce.ts";
import { expectAlive, expectNotification } from "../step/expect.ts";
import { observeNoRoute, observeRoute } from "../step/observe.ts";
import { establish, send } from "../step/session.ts";

/** The ordinary attributes with one of them replaced, added or, if undefined, left out. */
const withAttribute =
  (type: number, encoded: Uint8Array | undefined) =>
  (stage: Stage): Attributes => {
    const attributes = new Map(ordinaryAttributes(stage));
    if (encoded) attributes.set(type, encoded);
    else attributes.delete(type);
    return attributes;
  };

/** [check, section of RFC 7606 or another clause, the fault in words, attribute, its encoding]. */
type Row = readonly [name: string, clause: string, fault: string, type: number, encoded: Uint8Array | undefined];

const attribute = (type: number, flags: number, ...value: number[]): Uint8Array => encodeAttribute(type, flags, value);

const { origin, asPath, nextHop, multiExitDiscriminator, localPreference, atomicAggregate, aggregator } = ATTRIBUTE;
const { communities, originatorId, clusterList, extendedCommunities, largeCommunities } = ATTRIBUTE;
const TUNNEL_ENCAPSULATION = 23;

/** The route is not believed: what was announced before under the same prefix goes, too. */
const TREATED_AS_WITHDRAWN: readonly Row[] = [
  ["origin-missing", "RFC 7606 3 d", "no ORIGIN", origin, undefined],
  ["as-path-missing", "RFC 7606 3 d", "no AS_PATH", asPath, undefined],
  ["next-hop-missing", "RFC 7606 3 d", "no NEXT_HOP", nextHop, undefined],
  ["origin-flags", "RFC 7606 3 c", "ORIGIN marked as optional", origin, attribute(origin, OPTIONAL_TRANSITIVE, 0)],
  ["origin-length", "RFC 7606 7.1", "ORIGIN of two bytes", origin, attribute(origin, WELL_KNOWN, 0, 0)],
  ["origin-value", "RFC 7606 7.1", "ORIGIN 5", origin, attribute(origin, WELL_KNOWN, 5)],
  ["as-path-type", "RFC 7606 7.2", "AS_PATH with a segment of type 9", asPath, attribute(asPath, WELL_KNOWN, 9, 1, 0, 0, 1, 0)],
  [
    "as-path-overrun",
    "RFC 7606 7.2",
    "AS_PATH shorter than its segment",
    asPath,
    attribute(asPath, WELL_KNOWN, 2, 5, 0, 0, 1, 0),
  ],
  [
    "as-path-underrun",
    "RFC 7606 7.2",
    "AS_PATH with one byte left over",
    asPath,
    attribute(asPath, WELL_KNOWN, 2, 1, 0, 0, 1, 0, 2),
  ],
  ["as-path-empty-segment", "RFC 7606 7.2", "AS_PATH with an empty segment", asPath, attribute(asPath, WELL_KNOWN, 2, 0)],
  ["as-path-as-zero", "RFC 7607 2", "AS 0 in AS_PATH", asPath, attribute(asPath, WELL_KNOWN, 2, 2, 0, 0, 1, 0, 0, 0, 0, 0)],
  ["next-hop-length", "RFC 7606 7.3", "NEXT_HOP of five bytes", nextHop, attribute(nextHop, WELL_KNOWN, 10, 0, 0, 1, 0)],
  [
    "med-length",
    "RFC 7606 7.4",
    "MULTI_EXIT_DISC of three bytes",
    multiExitDiscriminator,
    attribute(multiExitDiscriminator, OPTIONAL, 0, 0, 1),
  ],
  [
    "communities-length",
    "RFC 7606 7.8",
    "COMMUNITIES of five bytes",
    communities,
    attribute(communities, OPTIONAL_TRANSITIVE, 0, 1, 0, 1, 0),
  ],
  ["communities-empty", "RFC 7606 7.8", "COMMUNITIES of no bytes", communities, attribute(communities, OPTIONAL_TRANSITIVE)],
  [
    "extended-communities-length",
    "RFC 7606 7.14",
    "EXTENDED COMMUNITIES of seven bytes",
    extendedCommunities,
    attribute(extendedCommunities, OPTIONAL_TRANSITIVE, 0, 2, 0, 1, 0, 0, 0),
  ],
  [
    "large-communities-length",
    "RFC 8092 6",
    "LARGE_COMMUNITY of eleven bytes",
    largeCommunities,
    attribute(largeCommunities, OPTIONAL_TRANSITIVE, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0),
  ],
  [
    "attribute-overrun",
    "RFC 7606 4",
    "a last attribute longer than the field of attributes",
    communities,
    Uint8Array.of(OPTIONAL_TRANSITIVE, communities, 40, 0, 1, 0, 1),
  ],
];

/** The route is believed without the attribute. */
const DISCARDED: readonly Row[] = [
  [
    "local-pref-from-outside",
    "RFC 7606 7.5",
    "LOCAL_PREF from an external peer",
    localPreference,
    attribute(localPreference, WELL_KNOWN, 0, 0, 1, 0),
  ],
  [
    "atomic-aggregate-length",
    "RFC 7606 7.6",
    "ATOMIC_AGGREGATE of one byte",
    atomicAggregate,
    attribute(atomicAggregate, WELL_KNOWN, 0),
  ],
  [
    "aggregator-length",
    "RFC 7606 7.7",
    "AGGREGATOR of seven bytes",
    aggregator,
    attribute(aggregator, OPTIONAL_TRANSITIVE, 0, 0, 1, 0, 10, 0, 0),
  ],
  [
    "originator-id-from-outside",
    "RFC 7606 7.9",
    "ORIGINATOR_ID of three bytes from an external peer",
    originatorId,
    attribute(originatorId, OPTIONAL, 10, 0, 0),
  ],
  [
    "cluster-list-from-outside",
    "RFC 7606 7.10",
    "CLUSTER_LIST of five bytes from an external peer",
    clusterList,
    attribute(clusterList, OPTIONAL, 10, 0, 0, 1, 0),
  ],
];

const withdrawnCheck = ([name, clause, fault, type, encoded]: Row): Check => ({
  name,
  clause,
  wanted: `${fault}: the session lives, the route is treated as withdrawn`,
  steps: [
    establish(),
    announce("an ordinary route"),
    observeRoute(),
    send(`the same route with ${fault}`, (stage) =>
      updateBytes({ attributes: withAttribute(type, encoded)(stage), prefixes: [stage.prefix()] }),
    ),
    expectAlive(),
    observeNoRoute("the session lives, the route is withdrawn"),
  ],
});

const discardCheck = ([name, clause, fault, type, encoded]: Row): Check => ({
  name,
  clause,
  wanted: `${fault}: the session lives, the attribute is discarded and the route stays`,
  steps: [
    establish(),
    send(`a route with ${fault}`, (stage) =>
      updateBytes({ attributes: withAttribute(type, encoded)(stage), prefixes: [stage.prefix()] }),
    ),
    expectAlive(),
    observeRoute("the route without the attribute", ({ attributes }) =>
      attributes.has(type) ? fail("the observer is told of the attribute, too") : undefined,
    ),
  ],
});

const overrunningWithdrawn = (): Uint8Array => {
  const whole = rawUpdate(new Uint8Array(0), new Uint8Array(0), new Uint8Array(0));
  whole.set(uint16(200), 19);
  return whole;
};

const multiprotocolReach = (stage: Stage): Uint8Array =>
  encodeAttribute(ATTRIBUTE.mpReach, OPTIONAL, joinBytes([0, 1, 1, 4], uint32(stage.nextHop), [0], encodePrefix(stage.prefix())));

const resetCheck = (
  name: string,
  clause: string,
  fault: string,
  subcodes: readonly number[],
  build: (stage: Stage) => Uint8Array,
): Check => ({
  name,
  clause,
  wanted: `${fault}: NOTIFICATION 3/${subcodes[0]}, for the prefixes cannot be found`,
  steps: [
    establish(),
    send(`an UPDATE with ${fault}`, build),
    expectNotification(3, subcodes[0], { also: subcodes.slice(1).map((subcode) => [3, subcode] as const) }),
  ],
});

export const ATTRIBUTE_CHECKS: CheckGroup = {
  title: "What it makes of a malformed UPDATE",
  checks: [
    ...TREATED_AS_WITHDRAWN.map(withdrawnCheck),
    {
      name: "tunnel-encapsulation-malformed",
      clause: "RFC 9012 13 (CVE-2023-38802)",
      wanted: "a Tunnel Encapsulation attribute of nonsense never ends the session",
      steps: [
        establish(),
        send("a route with a malformed attribute 23", (stage) => {
          const nonsense = encodeAttribute(TUNNEL_ENCAPSULATION, OPTIONAL_TRANSITIVE, [0, 8, 0, 200, 1, 2]);
          return updateBytes({ attributes: withAttribute(TUNNEL_ENCAPSULATION, nonsense)(stage), prefixes: [stage.prefix()] });
        }),
        expectAlive(),
      ],
    },
    ...DISCARDED.map(discardCheck),
    {
      name: "attribute-twice",
      clause: "RFC 7606 3 g",
      wanted: "the same attribute twice: the first counts, the session lives, the route stays",
      steps: [
        establish(),
        send("a route with ORIGIN twice", (stage) => {
          const attributes = joinBytes(...ordinaryAttributes(stage).values(), attribute(origin, WELL_KNOWN, 2));
          return rawUpdate(new Uint8Array(0), attributes, encodePrefix(stage.prefix()));
        }),
        expectAlive(),
        observeRoute("the route with the first of them", ({ attributes }) =>
          attributes.get(origin)?.value[0] === 0 ? undefined : fail("the observer is told of the second one"),
        ),
      ],
    },
    resetCheck("prefix-of-33-bits", "RFC 7606 5.3", "a prefix of 33 bits", [10, 1], (stage) =>
      rawUpdate(new Uint8Array(0), joinBytes(...ordinaryAttributes(stage).values()), Uint8Array.of(33, 198, 18, 0, 0, 0)),
    ),
    resetCheck(
      "withdrawn-overrun",
      "RFC 7606 3 b, RFC 4271 6.3",
      "withdrawn routes longer than the message",
      [1],
      overrunningWithdrawn,
    ),
    resetCheck("mp-reach-twice", "RFC 7606 3 g", "MP_REACH_NLRI twice", [1], (stage) => {
      const reach = multiprotocolReach(stage);
      return rawUpdate(new Uint8Array(0), joinBytes(reach, reach, ...ordinaryAttributes(stage).values()), new Uint8Array(0));
    }),
    resetCheck(
      "mp-reach-cut-off",
      "RFC 7606 7.11 (CVE-2023-46752)",
      "MP_REACH_NLRI that ends in its next hop",
      [9, 1],
      (stage) => {
        const reach = encodeAttribute(ATTRIBUTE.mpReach, OPTIONAL, [0, 1, 1, 16, 10, 0]);
        return rawUpdate(new Uint8Array(0), joinBytes(reach, ...ordinaryAttributes(stage).values()), new Uint8Array(0));
      },
    ),
  ],
};
