/** Who is judged in CI, how, and where the verdicts are kept: goldens beside the tests, from which the page is made. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ECMP } from "../common/host.ts";
import { DAEMONS, type DaemonKind } from "../speaker/daemons.ts";

export interface Subject {
  readonly kind: DaemonKind;
  readonly file: string;
  /** Checks that its others do not survive: each gets a speaker of its own. */
  readonly alone: readonly string[];
  /** Ours: whatever it comes to offer, it has to pass what applies. */
  readonly isOurs: boolean;
  /** Whether it is a router to others: without that an observer has nothing to see. */
  readonly passesOn: boolean;
  /** Checks whose verdict is a matter of chance: they are shown as that. */
  readonly varying: readonly string[];
}

export interface Verdicts {
  readonly speaker: string;
  readonly version: string;
  readonly checks: readonly { readonly name: string; readonly verdict: string; readonly saw: string }[];
}

/** The port that a router needs to be one. */
export const PORT = "conform0";

const OURS: DaemonKind = {
  name: "ecmp-router",
  programs: [process.execPath],
  version: [[process.execPath, ECMP, "--version"], /(\S+)/],
  configuration: ({ address, asn, peers }) => `
      ports: [{interface: ${PORT}}]
      bgp:
        asn: ${asn}
        routerId: ${address}
        listen: {address: ${address}}
        connectRetrySeconds: 1
        neighbors:
          ${peers.map((peer) => `- {address: ${peer.address}, remoteAsn: ${peer.asn}, localAddress: ${address}}`).join("\n          ")}
    `,
  command: ({ folder }, path) => [process.execPath, ECMP, "run", path, "--control", join(folder, "control")],
  sendsWords: false,
  withdraw: () => [],
  shutDown: () => [],
};

/** Each of these two ends GoBGP itself; the other two make OpenBGPD flood us, to the cost of everything beside. */
const ALONE: Readonly<Record<string, readonly string[]>> = {
  GoBGP: ["bad-type", "second-open"],
  OpenBGPD: ["hold-time-1", "hold-time-2"],
};

/** BIRD answers with the data of a buffer that has been used again meanwhile. */
const VARYING: Readonly<Record<string, readonly string[]>> = { BIRD: ["length-4097", "version-3"] };

export const SUBJECTS: readonly Subject[] = [OURS, ...DAEMONS].map((kind) => ({
  kind,
  file: `${kind.name.split(" ")[0].toLowerCase()}.json`,
  isOurs: kind === OURS,
  passesOn: !["ecmp-router", "ExaBGP"].includes(kind.name),
  alone: ALONE[kind.name] ?? [],
  varying: VARYING[kind.name] ?? [],
}));

const EXPECTED = fileURLToPath(new URL("expected", import.meta.url));
export const PAGE = fileURLToPath(new URL("../../lab/conformance/README.md", import.meta.url));

export const expectedPath = ({ file }: Subject): string => join(EXPECTED, file);

export function readExpected(subject: Subject): Verdicts | undefined {
  const path = expectedPath(subject);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
