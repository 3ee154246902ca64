/** What the speaker says of itself in its OPEN. One connection each, so that every row stands alone. */
import { findCapability } from "../../bgp/capabilities.ts";
import { IPV4_UNICAST, sameFamily } from "../../bgp/nlri.ts";
import { formatAddress } from "../../net/address.ts";
import { type CheckGroup, fail, notApplicable, pass, warn } from "../check.ts";
import { inspectOpen } from "../step/expect.ts";
import { connect, establish } from "../step/session.ts";

export const OPEN_CHECKS: CheckGroup = {
  title: "What its OPEN says",
  checks: [
    {
      name: "open-first",
      clause: "RFC 4271 4.2, 8.2.2",
      wanted: "the first message on a new connection is a well-formed OPEN of version 4",
      steps: [connect(), inspectOpen("its form", () => pass("well-formed, version 4"))],
    },
    {
      name: "open-as",
      clause: "RFC 4271 4.2, RFC 6793 4.1",
      wanted: "the AS number that we expect, AS_TRANS and the capability where it takes four octets",
      steps: [
        connect(),
        inspectOpen("the AS number", ({ asn }, { us }) =>
          asn === us.remoteAsn ? pass(`AS ${asn}`) : fail(`AS ${asn}, ${us.remoteAsn} wanted`),
        ),
      ],
    },
    {
      name: "open-hold-time",
      clause: "RFC 4271 4.2",
      wanted: "a hold time of zero or of at least three seconds",
      steps: [
        connect(),
        inspectOpen("the hold time", ({ holdTimeSeconds: seconds }) =>
          seconds === 0 || seconds >= 3 ? pass(`${seconds} seconds`) : fail(`${seconds} seconds`),
        ),
      ],
    },
    {
      name: "open-identifier",
      clause: "RFC 6286 2.1",
      wanted: "a BGP identifier that is not zero, and not ours",
      steps: [
        connect(),
        inspectOpen("the identifier", ({ routerId }, { identifier }) => {
          if (routerId === 0) return fail("0.0.0.0");
          return routerId === identifier ? fail(`${formatAddress(routerId)}, which is ours`) : pass("a number of its own");
        }),
      ],
    },
    {
      name: "open-four-octet-as",
      clause: "RFC 6793 3",
      wanted: "the capability of four-octet AS numbers, with its own AS number in it",
      steps: [
        connect(),
        inspectOpen("the capability", ({ capabilities }, { us }) => {
          const found = findCapability(capabilities, "four-octet-as");
          if (!found) return us.remoteAsn > 0xffff ? fail("not offered, though its AS number needs it") : warn("not offered");
          return found.asn === us.remoteAsn ? pass(`AS ${found.asn}`) : fail(`AS ${found.asn}, ${us.remoteAsn} wanted`);
        }),
      ],
    },
    {
      name: "open-multiprotocol",
      clause: "RFC 4760 8",
      wanted: "the multiprotocol capability for IPv4 unicast",
      steps: [
        connect(),
        inspectOpen("the capability", ({ capabilities }) => {
          const families = capabilities.flatMap((one) => (one.name === "multiprotocol" ? [one.family] : []));
          if (families.some((family) => sameFamily(family, IPV4_UNICAST))) return pass("IPv4 unicast");
          return families.length === 0 ? warn("not offered: IPv4 unicast is understood") : fail("other families only");
        }),
      ],
    },
    {
      name: "open-route-refresh",
      clause: "RFC 2918 2",
      wanted: "the route refresh capability",
      steps: [
        connect(),
        inspectOpen("the capability", ({ capabilities }) =>
          findCapability(capabilities, "route-refresh") ? pass("offered") : warn("not offered"),
        ),
      ],
    },
    {
      name: "open-graceful-restart",
      clause: "RFC 4724 3",
      wanted: "where graceful restart is offered: only families that are offered, too",
      steps: [
        establish(),
        inspectOpen("the capability", ({ capabilities }) => {
          const found = findCapability(capabilities, "graceful-restart");
          if (!found) return notApplicable("not offered");
          const offered = capabilities.flatMap((one) => (one.name === "multiprotocol" ? [one.family] : []));
          const stranger = found.families.find(({ family }) => !offered.some((one) => sameFamily(one, family)));
          if (stranger) return fail(`AFI ${stranger.family.afi} SAFI ${stranger.family.safi} is in it and not offered`);
          return pass(found.families.length === 0 ? "as a helper only" : `restart time ${found.restartTimeSeconds} s`);
        }),
      ],
    },
    {
      name: "open-no-repetition",
      clause: "RFC 5492 4, RFC 4760 8",
      wanted: "no capability twice, but for those that are one a family",
      steps: [
        connect(),
        inspectOpen("the list of capabilities", ({ capabilities }) => {
          const keys = capabilities.map((one) => {
            if (one.name === "multiprotocol") return `${one.family.afi}/${one.family.safi}`;
            return one.name === "unknown" ? `code ${one.code}` : one.name;
          });
          const twice = keys.find((key, index) => keys.indexOf(key) !== index);
          return twice ? warn(`${twice} is there twice`) : pass("none is there twice", `${keys.length} capabilities`);
        }),
      ],
    },
  ],
};
