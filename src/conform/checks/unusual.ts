/** Right but unusual attributes of a route of ours, which have to be taken, and passed on as the RFCs say. */
import { encodeAsPath } from "../../bgp/as-path.ts";
import { encodeAttribute } from "../../bgp/attribute-list.ts";
import { joinBytes, uint32 } from "../../bgp/bytes.ts";
import { AS_TRANS, ATTRIBUTE, ATTRIBUTE_FLAG } from "../../bgp/iana.ts";
import { encodePrefix, IPV4_UNICAST } from "../../bgp/nlri.ts";
import { SEGMENT } from "../../bgp/path.ts";
import { type CheckGroup, fail, notApplicable, step } from "../check.ts";
import { OPTIONAL, OPTIONAL_TRANSITIVE, ordinaryAttributes, rawUpdate, updateBytes, WELL_KNOWN } from "../messages.ts";
import type { ObservedRoute } from "../observed.ts";
import type { Stage } from "../stage.ts";
import { announce, asPath } from "../step/announce.ts";
import { expectAlive } from "../step/expect.ts";
import { observeRoute } from "../step/observe.ts";
import { establish, send } from "../step/session.ts";

const NOTHING = new Uint8Array(0);
/** A type that nobody has registered. */
const UNKNOWN_TYPE = 240;
const FOUR_OCTET_AS = 4_200_000_000;
const LONG_PATH = 300;
const FULL_MESSAGE_BYTES = 4096;
/** Of the message, and of its two lists. */
const UPDATE_HEADER_BYTES = 23;
const ATTRIBUTE_HEADER_BYTES = 3;

const unknown = (flags: number): readonly [number, Uint8Array] => [
  UNKNOWN_TYPE,
  encodeAttribute(UNKNOWN_TYPE, flags, [0xde, 0xad, 0xbe, 0xef]),
];

/** Its own AS number in front, unless we are of the same AS; then what we said. */
const judgePath =
  (expected: (stage: Stage) => readonly number[]) =>
  ({ asPath: found }: ObservedRoute, stage: Stage) => {
    const wanted = expected(stage);
    return wanted.every((asn, index) => found[found.length - wanted.length + index] === asn)
      ? undefined
      : fail(`AS_PATH ${found.slice(0, 6).join(" ")}, wanted at its end ${wanted.slice(0, 6).join(" ")}`);
  };

/** The same prefix of four bytes over and over, after an attribute that makes it come out even: it is the size that matters. */
const fullMessage = (stage: Stage): Uint8Array => {
  const attributes = joinBytes(...ordinaryAttributes(stage).values());
  const room = FULL_MESSAGE_BYTES - UPDATE_HEADER_BYTES - attributes.length - ATTRIBUTE_HEADER_BYTES;
  const filler = encodeAttribute(UNKNOWN_TYPE, OPTIONAL, new Uint8Array(room % 4));
  const prefix = encodePrefix(stage.prefix());
  const prefixes = joinBytes(...Array.from({ length: Math.floor(room / 4) }, () => prefix));
  return rawUpdate(NOTHING, joinBytes(attributes, filler), prefixes);
};

export const UNUSUAL_CHECKS: CheckGroup = {
  title: "What it makes of unusual attributes",
  checks: [
    {
      name: "unknown-transitive",
      clause: "RFC 4271 5, 9",
      wanted: "an unknown optional transitive attribute is taken, and passed on with the Partial bit",
      steps: [
        establish(),
        announce("a route with an unknown transitive attribute", () => [unknown(OPTIONAL_TRANSITIVE)]),
        expectAlive(),
        observeRoute("the route with the attribute and the Partial bit", ({ attributes }) => {
          const found = attributes.get(UNKNOWN_TYPE);
          if (!found) return fail("the attribute is not passed on");
          return found.flags & ATTRIBUTE_FLAG.partial ? undefined : fail("it is passed on without the Partial bit");
        }),
      ],
    },
    {
      name: "unknown-non-transitive",
      clause: "RFC 4271 5",
      wanted: "an unknown optional non-transitive attribute is ignored and not passed on",
      steps: [
        establish(),
        announce("a route with an unknown non-transitive attribute", () => [unknown(OPTIONAL)]),
        expectAlive(),
        observeRoute("the route without the attribute", ({ attributes }) =>
          attributes.has(UNKNOWN_TYPE) ? fail("the attribute is passed on") : undefined,
        ),
      ],
    },
    {
      name: "extended-length-of-one",
      clause: "RFC 4271 4.3",
      wanted: "a short attribute with a length of two bytes is taken",
      steps: [
        establish(),
        announce("a route whose ORIGIN has a length of two bytes", () => [
          [ATTRIBUTE.origin, Uint8Array.of(WELL_KNOWN | ATTRIBUTE_FLAG.extendedLength, ATTRIBUTE.origin, 0, 1, 0)],
        ]),
        expectAlive(),
        observeRoute(),
      ],
    },
    {
      name: "four-octet-path",
      clause: "RFC 6793 4.1",
      wanted: "an AS_PATH with a number of four octets is taken and passed on",
      steps: [
        establish(),
        announce(`a route through AS ${FOUR_OCTET_AS}`, ({ us }) => [asPath([us.localAsn, FOUR_OCTET_AS])]),
        expectAlive(),
        observeRoute(
          "the whole path",
          judgePath(({ us }) => [us.localAsn, FOUR_OCTET_AS]),
        ),
      ],
    },
    {
      name: "as4-path",
      clause: "RFC 6793 4.2.3",
      wanted: "from a neighbor of two octets, AS_TRANS in AS_PATH is replaced by what AS4_PATH says",
      steps: [
        step("with a local AS number of two octets", async ({ us }) =>
          us.localAsn > 0xffff ? notApplicable("our AS number needs four octets (--local-as)") : undefined,
        ),
        establish("no capability for four octets", { capabilities: [{ name: "multiprotocol", family: IPV4_UNICAST }] }, "fail"),
        send(`a route through AS_TRANS, with AS4_PATH through AS ${FOUR_OCTET_AS}`, (stage) => {
          const path = (asn: number, size: 2 | 4) =>
            encodeAsPath([{ type: SEGMENT.sequence, asns: [stage.us.localAsn, asn] }], size);
          const attributes = new Map(ordinaryAttributes(stage, 2));
          attributes.set(ATTRIBUTE.asPath, encodeAttribute(ATTRIBUTE.asPath, WELL_KNOWN, path(AS_TRANS, 2)));
          attributes.set(ATTRIBUTE.as4Path, encodeAttribute(ATTRIBUTE.as4Path, OPTIONAL_TRANSITIVE, path(FOUR_OCTET_AS, 4)));
          return updateBytes({ attributes, prefixes: [stage.prefix()] });
        }),
        expectAlive(),
        observeRoute(
          "the path put together",
          judgePath(({ us }) => [us.localAsn, FOUR_OCTET_AS]),
        ),
      ],
    },
    {
      name: "long-path",
      clause: "RFC 4271 4.3, 5.1.2",
      wanted: `an AS_PATH of ${LONG_PATH} numbers in two segments ends no session`,
      steps: [
        establish(),
        announce(`a route through ${LONG_PATH} ASes`, ({ us }) => [
          asPath([us.localAsn, ...Array.from({ length: LONG_PATH - 1 }, (_, index) => 64_512 + index)]),
        ]),
        expectAlive(),
      ],
    },
    {
      name: "ipv4-in-mp-reach",
      clause: "RFC 4760 3",
      wanted: "IPv4 prefixes in MP_REACH_NLRI are taken like those in their own field",
      steps: [
        establish(),
        send("a route in MP_REACH_NLRI", (stage) => {
          const reach = joinBytes([0, 1, 1, 4], uint32(stage.nextHop), [0], encodePrefix(stage.prefix()));
          const [origin, path] = ordinaryAttributes(stage).values();
          return rawUpdate(NOTHING, joinBytes(encodeAttribute(ATTRIBUTE.mpReach, OPTIONAL, reach), origin, path), NOTHING);
        }),
        expectAlive(),
        observeRoute(),
      ],
    },
    {
      name: "full-message",
      clause: "RFC 4271 4",
      wanted: "an UPDATE of exactly 4096 bytes is taken",
      steps: [establish(), send("an UPDATE of 4096 bytes", fullMessage), expectAlive()],
    },
  ],
};
