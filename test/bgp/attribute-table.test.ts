/**
 * What holds of every attribute in the table, whatever it means (RFC 7606 3.c, 3.g, 4, and the consequence that its own RFC asks
 * for): a new row is judged here without a word more. What is wrong inside one is in `rfc7606.test.ts`.
 */
import { describe, expect, test } from "vitest";
import { ATTRIBUTES } from "#src/bgp/attributes.ts";
import { CARRIED_ATTRIBUTES } from "#src/bgp/carried-attributes.ts";
import type { Consequence } from "#src/bgp/error.ts";
import { ATTRIBUTE, ATTRIBUTE_FLAG } from "#src/bgp/iana.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "#src/bgp/nlri.ts";
import { decodeUpdate } from "#src/bgp/update.ts";
import { updateBody } from "./hex.ts";

const TABLE = [...ATTRIBUTES, ...CARRIED_ATTRIBUTES];
const TYPE_FLAGS = ATTRIBUTE_FLAG.optional | ATTRIBUTE_FLAG.transitive;
const CONTEXT = { asnSize: 4, peerType: "internal", families: [IPV4_UNICAST, IPV6_UNICAST] } as const;

/** As the RFCs have it: of RFC 7606 section 7, and those that it came before or left alone. */
const CONSEQUENCES: Readonly<Record<string, readonly [Consequence, string]>> = {
  ORIGIN: ["treat-as-withdraw", "7.1"],
  AS_PATH: ["treat-as-withdraw", "7.2"],
  NEXT_HOP: ["treat-as-withdraw", "7.3"],
  MULTI_EXIT_DISC: ["treat-as-withdraw", "7.4"],
  LOCAL_PREF: ["treat-as-withdraw", "7.5"],
  ATOMIC_AGGREGATE: ["discard", "7.6"],
  AGGREGATOR: ["discard", "7.7"],
  COMMUNITIES: ["treat-as-withdraw", "7.8"],
  ORIGINATOR_ID: ["treat-as-withdraw", "7.9"],
  CLUSTER_LIST: ["treat-as-withdraw", "7.10"],
  MP_REACH_NLRI: ["disable-family", "7.11"],
  MP_UNREACH_NLRI: ["disable-family", "7.12"],
  EXTENDED_COMMUNITIES: ["treat-as-withdraw", "7.14"],
  IPV6_EXTENDED_COMMUNITIES: ["treat-as-withdraw", "7.15"],
  AS4_PATH: ["discard", "RFC 6793 6"],
  AS4_AGGREGATOR: ["discard", "RFC 6793 6"],
  AIGP: ["discard", "RFC 7311 3"],
  LARGE_COMMUNITY: ["treat-as-withdraw", "RFC 8092 5"],
  PREFIX_SID: ["discard", "RFC 8669 6"],
  TUNNEL_ENCAP: ["treat-as-withdraw", "RFC 9012 13"],
  ONLY_TO_CUSTOMER: ["treat-as-withdraw", "RFC 9234 5"],
  BGP_LS: ["discard", "RFC 9552 8.2.2"],
};

const byte = (value: number): string => value.toString(16).padStart(2, "0");
/** All that an internal peer must say, but for `type`. */
const others = (type: number): string =>
  Object.entries({ 1: "400101 00", 2: "400200", 3: "400304 0a000001", 5: "400504 00000064" })
    .filter(([known]) => Number(known) !== type)
    .map(([, attribute]) => attribute)
    .join(" ");
const decode = (type: number, attributes: string) =>
  decodeUpdate(updateBody("", `${others(type)} ${attributes}`, "08 0a"), CONTEXT);
/** Whatever is in it, it is itself at fault once: the flags, the length, the repetition are judged before. */
const whatOf = (name: string, attributes: string, type: number) =>
  decode(type, attributes)
    .faults.filter(({ attribute }) => attribute === name)
    .map(({ what, consequence }) => `${consequence}: ${what}`);

describe.each(TABLE)("$name", ({ name, type, flags, malformed }) => {
  test.each([ATTRIBUTE_FLAG.optional, ATTRIBUTE_FLAG.transitive, TYPE_FLAGS])("with the bits %i of its flags turned", (bits) => {
    const turned = byte(flags ^ bits);
    expect(whatOf(name, `${turned} ${byte(type)} 00`, type)).toContain(
      `treat-as-withdraw: has flags 0x${turned}, 0x${byte(flags)} wanted`,
    );
  });

  test("whose length overruns the list", () => {
    expect(whatOf(name, `${byte(flags)} ${byte(type)} 05 00`, type)).toEqual([
      "treat-as-withdraw: overruns the attributes by 4 bytes",
    ]);
  });

  test("that is there twice", () => {
    const holdsPrefixes = type === ATTRIBUTE.mpReach || type === ATTRIBUTE.mpUnreach;
    const twice = `${byte(flags)} ${byte(type)} 00`.repeat(2);
    expect(whatOf(name, twice, type)).toContain(`${holdsPrefixes ? "reset" : "discard"}: is there twice`);
  });

  test("has the consequence that its RFC asks for", () => {
    expect(malformed).toBe(CONSEQUENCES[name]?.[0]);
  });
});

test("the RFCs that are written down here name no other attribute", () => {
  expect(Object.keys(CONSEQUENCES).sort()).toEqual(TABLE.map(({ name }) => name).sort());
});
