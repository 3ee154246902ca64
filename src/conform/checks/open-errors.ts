/** OPENs of ours that are wrong, and what RFC 4271 6.2 answers to each; and strange ones that are right and must be taken. */
import type { Capability } from "../../bgp/capabilities.ts";
import { AS_TRANS } from "../../bgp/iana.ts";
import { IPV4_UNICAST } from "../../bgp/nlri.ts";
import { type CheckGroup, notApplicable, pass, type Step, step, warn } from "../check.ts";
import { extendedParameters, type OpenFields, parameterEach, standardCapabilities } from "../messages.ts";
import type { Stage } from "../stage.ts";
import { expectAlive, expectNotification } from "../step/expect.ts";
import { connect, establish, sendOpen } from "../step/session.ts";

/** A code of the range for private use (RFC 5492 6). */
const UNKNOWN: Capability = { name: "unknown", code: 239, value: Uint8Array.of(1, 2, 3, 4, 5) };

const withOurs = (make: (ours: Capability[]) => OpenFields) => (stage: Stage) => make(standardCapabilities(stage.us.localAsn));

const needsTwoOctetAs: Step = step("with a local AS number of two octets", async ({ us }) =>
  us.localAsn > 0xffff ? notApplicable("our AS number needs four octets (--local-as)") : undefined,
);

const taken = step("so it is taken", async () => pass("taken, the session lives"));

export const OPEN_ERROR_CHECKS: CheckGroup = {
  title: "What it makes of a strange OPEN",
  checks: [
    {
      name: "version-3",
      clause: "RFC 4271 6.2",
      wanted: "NOTIFICATION 2/1 with the version that it speaks",
      steps: [connect(), sendOpen("of version 3", { version: 3 }), expectNotification(2, 1, { data: [0, 4] })],
    },
    {
      name: "wrong-as",
      clause: "RFC 4271 6.2",
      wanted: "NOTIFICATION 2/2 to an AS number that is not the configured one",
      steps: [
        connect(),
        sendOpen("of another AS", ({ us }) => ({ asn: us.localAsn === 64999 ? 64998 : 64999 })),
        expectNotification(2, 2),
      ],
    },
    {
      name: "as-zero",
      clause: "RFC 7607 2",
      wanted: "NOTIFICATION 2/2 to AS 0",
      steps: [connect(), sendOpen("of AS 0", { asn: 0 }), expectNotification(2, 2)],
    },
    {
      name: "identifier-zero",
      clause: "RFC 4271 6.2, RFC 6286 2.2",
      wanted: "NOTIFICATION 2/3 to the BGP identifier 0.0.0.0",
      steps: [connect(), sendOpen("with identifier 0.0.0.0", { identifier: 0 }), expectNotification(2, 3)],
    },
    {
      name: "hold-time-1",
      clause: "RFC 4271 6.2",
      wanted: "NOTIFICATION 2/6 to a hold time of one second",
      steps: [connect(), sendOpen("with hold time 1", { holdTimeSeconds: 1 }), expectNotification(2, 6)],
    },
    {
      name: "hold-time-2",
      clause: "RFC 4271 6.2",
      wanted: "NOTIFICATION 2/6 to a hold time of two seconds",
      steps: [connect(), sendOpen("with hold time 2", { holdTimeSeconds: 2 }), expectNotification(2, 6)],
    },
    {
      name: "unknown-parameter",
      clause: "RFC 4271 6.2",
      wanted: "NOTIFICATION 2/4 to an optional parameter that is no capability",
      steps: [
        connect(),
        sendOpen("with a parameter of type 200", { parameters: Uint8Array.of(4, 200, 2, 1, 2) }),
        expectNotification(2, 4),
      ],
    },
    {
      name: "parameters-cut-off",
      clause: "RFC 4271 6.2 (CVE-2022-40302)",
      wanted: "a NOTIFICATION to parameters that are longer than the message, and life afterwards",
      steps: [
        connect(),
        sendOpen("whose parameters overrun", { parameters: Uint8Array.of(20, 2, 6, 1, 4, 0, 1, 0, 1) }),
        expectNotification(2, 0, { also: [[1, 2]] }),
        establish(),
      ],
    },
    {
      name: "capability-cut-off",
      clause: "RFC 4271 6.2, RFC 5492 4 (CVE-2022-43681)",
      wanted: "a NOTIFICATION to a capability that is longer than its parameter, and life afterwards",
      steps: [
        connect(),
        sendOpen("whose capability overruns", { parameters: Uint8Array.of(4, 2, 2, 65, 4) }),
        expectNotification(2, 0, { also: [[1, 2]] }),
        establish(),
      ],
    },
    {
      name: "unknown-capability",
      clause: "RFC 5492 3",
      wanted: "a capability that it does not know is ignored",
      steps: [
        establish(
          "a capability of code 239",
          withOurs((ours) => ({ capabilities: [UNKNOWN, ...ours] })),
          "fail",
        ),
        expectAlive(),
        taken,
      ],
    },
    {
      name: "no-capabilities",
      clause: "RFC 5492 3, RFC 4271 4.2",
      wanted: "an OPEN of 29 bytes, without any parameter, is taken",
      steps: [needsTwoOctetAs, establish("no capabilities", { capabilities: [] }, "fail"), expectAlive(), taken],
    },
    {
      name: "capability-a-parameter",
      clause: "RFC 5492 4",
      wanted: "capabilities in a parameter each are taken as if in one",
      steps: [
        establish(
          "each capability in a parameter of its own",
          withOurs((ours) => ({ parameters: parameterEach(ours) })),
          "fail",
        ),
        expectAlive(),
        taken,
      ],
    },
    {
      name: "capability-twice",
      clause: "RFC 5492 4",
      wanted: "the same capability twice is taken",
      steps: [
        establish(
          "each capability twice",
          withOurs((ours) => ({ capabilities: [...ours, ...ours] })),
          "fail",
        ),
        expectAlive(),
        taken,
      ],
    },
    {
      name: "extended-parameters",
      clause: "RFC 9072 2",
      wanted: "parameters with lengths of two bytes are taken",
      steps: [
        establish(
          "extended parameters",
          withOurs((ours) => ({ parameters: extendedParameters(ours) })),
          "warn",
        ),
        expectAlive(),
        taken,
      ],
    },
    {
      name: "as-trans-without-capability",
      clause: "RFC 6793 4.1, RFC 4271 6.2",
      wanted: "AS_TRANS without the capability is no AS that it expects: NOTIFICATION 2/2",
      steps: [
        connect(),
        sendOpen("of AS 23456 without the capability", {
          asn: AS_TRANS,
          capabilities: [{ name: "multiprotocol", family: IPV4_UNICAST }],
        }),
        expectNotification(2, 2, { ignored: warn }),
      ],
    },
  ],
};
