/**
 * Profiles must be what they say and nobody else. Each is asked the same questions about what it does with packets and with
 * changes, and is held to the answers that it is known by; the profile most like it must fail them: a renamed copy is none.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createFields, FIELD, type Fields, flowToFields } from "#src/ecmp/fields.ts";
import { compileFlowHash } from "#src/ecmp/flow-hash.ts";
import { HASHES } from "#src/ecmp/hash.ts";
import { FIELD_NAMES } from "#src/ecmp/key.ts";
import { createHeaders, fieldsToHeaders } from "#src/ecmp/linux/headers.ts";
import { createLinuxHash } from "#src/ecmp/linux/policy.ts";
import { fidelityOf, memberOrderOf, PROFILES, type Profile } from "#src/ecmp/profile.ts";
import { SELECTORS } from "#src/ecmp/selector.ts";
import { type Member, type SelectionTable, type SelectorOptions, select } from "#src/ecmp/table.ts";
import { generateFlows } from "#src/experiment/flows.ts";

const SEED = 4711;
const MEMBERS = 6;
const members = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ address: 0x0a000001 + i, weight: 1 }));

/** Packets of flows, each in a tunnel's header or not. */
function drawPackets(change: (fields: Fields) => void = () => {}): Fields[] {
  const recipe = {
    count: 400,
    seed: 3,
    sources: { address: 0x0a010000, length: 16 },
    destination: 0xc6336401,
    destinationPort: 80,
  };
  return [...generateFlows(recipe)].map((flow, i) => {
    const fields = flowToFields({ ...flow, destination: 0xc6336400 + (i % 200) }, createFields());
    fields[FIELD.ingressPort] = 1;
    change(fields);
    return fields;
  });
}

function hasher({ hash, selector }: Profile, seed: number, offset = hash.offset): (fields: Fields) => number {
  const given = hash.seed === "given" ? seed % 2 ** (hash.seedBits ?? 32) : 0;
  if (hash.policy !== undefined) {
    const compute = createLinuxHash({ policy: hash.policy, seed: given, fields: hash.mask ?? 0 });
    const headers = createHeaders();
    return (fields) => compute(fieldsToHeaders(fields, headers));
  }
  const options = { algorithm: hash.algorithm, fields: hash.fields, seed: given, symmetric: hash.symmetric, offset: offset ?? 0 };
  const { hashFields } = compileFlowHash(options, SELECTORS[selector.name].hashBits);
  return (fields) => hashFields(fields) >>> 0;
}

const fill = ({ selector }: Profile, list: readonly Member[], previous?: SelectionTable, more: SelectorOptions = {}) =>
  SELECTORS[selector.name].fill(list, { ...selector.options, ...more }, previous);
const choose = (profile: Profile, packets: readonly Fields[], seed = SEED, offset = profile.hash.offset): number[] => {
  const table = fill(profile, members(MEMBERS));
  return packets.map(hasher(profile, seed, offset)).map((hash) => select(table, hash));
};
const differs = (profile: Profile, change: (fields: Fields) => void): boolean =>
  choose(profile, drawPackets()).join() !== choose(profile, drawPackets(change)).join();
/** The members of 10,000 hashes all over the hash space of the table. */
const owners = (table: SelectionTable) => {
  const end = table.reduction === "bounds" ? table.bounds[table.bounds.length - 1] : table.owners.length - 1;
  return Array.from({ length: 10_000 }, (_, i) => table.members[select(table, Math.floor((i / 10_000) * (end + 1)))].address);
};
const turn = (fields: Fields): void => {
  const [source, destination, from, to] = [FIELD.source, FIELD.destination, FIELD.sourcePort, FIELD.destinationPort].map(
    (i) => fields[i],
  );
  fields[FIELD.source] = destination;
  fields[FIELD.destination] = source;
  fields[FIELD.sourcePort] = to;
  fields[FIELD.destinationPort] = from;
};
const exchangePorts = (fields: Fields): void => {
  const port = fields[FIELD.sourcePort];
  fields[FIELD.sourcePort] = fields[FIELD.destinationPort];
  fields[FIELD.destinationPort] = port;
};
const putInside = (fields: Fields): void => {
  fields.set([4, 6, 40_000, 80], FIELD.innerFamily);
  fields[FIELD.innerSource] = fields[FIELD.sourcePort];
};

const QUESTIONS = {
  "source counts": (profile: Profile) =>
    differs(profile, (fields) => {
      fields[FIELD.source] ^= 0x100;
    }),
  "destination counts": (profile: Profile) =>
    differs(profile, (fields) => {
      fields[FIELD.destination] ^= 0x10000;
    }),
  "protocol counts": (profile: Profile) =>
    differs(profile, (fields) => {
      fields[FIELD.protocol] = 17;
    }),
  "ports count": (profile: Profile) =>
    differs(profile, (fields) => {
      fields[FIELD.sourcePort] ^= 0x55;
    }),
  "ingress port counts": (profile: Profile) =>
    differs(profile, (fields) => {
      fields[FIELD.ingressPort] = 2;
    }),
  "what is in a tunnel counts": (profile: Profile) => differs(profile, putInside),
  "both directions agree": (profile: Profile) => !differs(profile, turn),
  "another seed decides otherwise": (profile: Profile) =>
    choose(profile, drawPackets()).join() !== choose(profile, drawPackets(), 815).join(),
  "of the seed only 16 bits count": (profile: Profile) =>
    profile.hash.seed === "given" &&
    choose(profile, drawPackets()).join() === choose(profile, drawPackets(), SEED + 0x50000).join(),
  "an offset turns its hash": (profile: Profile) =>
    profile.hash.offset !== undefined && choose(profile, drawPackets()).join() !== choose(profile, drawPackets(), SEED, 5).join(),
  "ports exchanged alone make no difference": (profile: Profile) => !differs(profile, exchangePorts),
  "who stays keeps its flows when another departs": (profile: Profile) => {
    const before = fill(profile, members(MEMBERS));
    const left = members(MEMBERS).filter((_, i) => i !== 1);
    const after = owners(fill(profile, left, before));
    return owners(before).every((owner, i) => owner === members(MEMBERS)[1].address || owner === after[i]);
  },
  "who arrives is given flows at once": (profile: Profile) => {
    const after = fill(profile, members(MEMBERS), fill(profile, members(MEMBERS - 1)));
    return owners(after).includes(members(MEMBERS)[MEMBERS - 1].address);
  },
  "who returns has its old flows again": (profile: Profile) => {
    const before = fill(profile, members(MEMBERS));
    const away = fill(
      profile,
      members(MEMBERS).filter((_, i) => i !== 1),
      before,
    );
    return owners(fill(profile, members(MEMBERS), away)).join() === owners(before).join();
  },
  "a bank keeps a departure to itself": (profile: Profile) => {
    const addresses = members(MEMBERS).map(({ address }) => address);
    const banks = [addresses.slice(0, 3), addresses.slice(3)];
    const before = owners(fill(profile, members(MEMBERS), undefined, { banks }));
    const left = members(MEMBERS).filter((_, i) => i !== 1);
    const after = owners(fill(profile, left, fill(profile, members(MEMBERS), undefined, { banks }), { banks }));
    return before.every((owner, i) => owner === after[i] || banks[0].includes(after[i] as number));
  },
  "refuses a seventeenth member": (profile: Profile) => {
    try {
      return fill(profile, members(17)).members.length !== 17;
    } catch {
      return true;
    }
  },
  "members are as the route writes them": ({ name }: Profile) => memberOrderOf(name) === "configured",
  fragments: ({ fragments }: Profile) => fragments,
  "ICMP errors": ({ icmpErrors }: Profile) => icmpErrors,
} as const;
type Question = keyof typeof QUESTIONS;

/** What each is known by, from its sources. */
const KNOWN_BY: Readonly<Record<string, Readonly<Partial<Record<Question, boolean | string>>>>> = {
  "linux-l3": {
    "members are as the route writes them": true,
    "ports count": false,
    "ICMP errors": "quoted-addresses",
    "both directions agree": true,
  },
  "linux-l4": {
    "members are as the route writes them": true,
    "ports count": true,
    "both directions agree": true,
    "who stays keeps its flows when another departs": false,
  },
  "linux-inner": { "what is in a tunnel counts": true, "ICMP errors": "outer" },
  "linux-custom": { "ports count": false, "protocol counts": true, "both directions agree": true },
  "linux-resilient": {
    "who stays keeps its flows when another departs": true,
    "ports exchanged alone make no difference": true,
    "ports count": true,
  },
  "cumulus-broadcom": { "who arrives is given flows at once": true, "ingress port counts": true },
  "cumulus-spectrum": { "who arrives is given flows at once": false, "both directions agree": true, "ingress port counts": true },
  "cisco-ios-original": {
    "source counts": true,
    "another seed decides otherwise": false,
    "ports count": false,
    "protocol counts": false,
  },
  "cisco-ios-universal": { "another seed decides otherwise": true, "ports count": false, "protocol counts": false },
  "cisco-ios-include-ports": { "ports count": true, "protocol counts": false, "another seed decides otherwise": true },
  "cisco-xr": { "who returns has its old flows again": true, "who stays keeps its flows when another departs": true },
  "juniper-default": { "source counts": false, "ports count": false },
  "juniper-per-packet": {
    "both directions agree": false,
    "ports count": false,
    "protocol counts": true,
    "who stays keeps its flows when another departs": false,
  },
  "juniper-consistent-hash": {
    "ports count": false,
    "protocol counts": true,
    "who stays keeps its flows when another departs": true,
  },
  "arista-recmp": { "refuses a seventeenth member": true, "who stays keeps its flows when another departs": true },
  "nokia-srl": { fragments: "address-only", "ports count": true, "of the seed only 16 bits count": true },
  "nokia-sros-sticky": { "ports count": false, "protocol counts": false, "who stays keeps its flows when another departs": true },
  "sonic-sai": { "an offset turns its hash": true, "who stays keeps its flows when another departs": false },
  "sonic-fgnhg": { "a bank keeps a departure to itself": true, "ports count": true },
  bmv2: { fragments: "payload-as-ports", "another seed decides otherwise": false, "members are as the route writes them": true },
  "toeplitz-rss": { "protocol counts": false, "ports count": true, "another seed decides otherwise": false },
  vpp: { fragments: "payload-as-ports", "another seed decides otherwise": true },
  katran: { "destination counts": false, "protocol counts": false, fragments: "dropped", "ICMP errors": "quoted" },
  cilium: { "destination counts": false, "protocol counts": true, fragments: "first-with-ports" },
  lemming: { "another seed decides otherwise": false, fragments: "address-only" },
};

const profiles = [...PROFILES.values()];
const questions = Object.keys(QUESTIONS) as Question[];
const answersOf = new Map(profiles.map((profile) => [profile.name, questions.map((question) => QUESTIONS[question](profile))]));
const answer = (name: string, question: Question) => answersOf.get(name)?.[questions.indexOf(question)];

/** Those that answer most questions alike; there may be several. */
function nearest(profile: Profile): string[] {
  const own = answersOf.get(profile.name) ?? [];
  const likeness = (name: string): number => own.filter((value, i) => value === answersOf.get(name)?.[i]).length;
  const others = profiles.map(({ name }) => name).filter((name) => name !== profile.name);
  const most = Math.max(...others.map(likeness));
  return others.filter((name) => likeness(name) === most);
}

/** What a test that is about a hash or a selector has in it: of `maglev-katran-v2`, "maglev". */
const wordOf = (name: string): string => name.split("-")[0];

describe.each(profiles)("profile $name", (profile) => {
  const known = Object.entries(KNOWN_BY[profile.name] ?? {}) as [Question, boolean | string][];

  it("does what it is known by", () => {
    expect(known.length).toBeGreaterThan(1);
    expect(Object.fromEntries(known.map(([question]) => [question, answer(profile.name, question)]))).toEqual(
      Object.fromEntries(known),
    );
  });

  it("does what the profiles most like it do not", () => {
    for (const neighbor of nearest(profile)) {
      const failed = known.filter(([question, wanted]) => answer(neighbor, question) !== wanted);
      expect(failed.length, `${neighbor} would pass for ${profile.name}`).toBeGreaterThan(0);
    }
  });

  it("names a hash, fields and a selector that exist", () => {
    const { hash, selector } = profile;
    expect(hash.algorithm === "linux" ? hash.policy !== undefined : HASHES[hash.algorithm]?.name).toBe(
      hash.algorithm === "linux" ? true : hash.algorithm,
    );
    expect(FIELD_NAMES).toEqual(expect.arrayContaining([...hash.fields]));
    expect(SELECTORS[selector.name].name).toBe(selector.name);
  });

  it("claims what is published only with tests that are there and name it, and says otherwise what is ours", () => {
    for (const [claim, name] of [
      [profile.hashClaim, profile.hash.algorithm],
      [profile.selectionClaim, profile.selector.name],
    ] as const) {
      const isShown = claim.level === "bit-exact" || claim.level === "algorithm";
      const tests = (claim.shownBy ?? []).map((path) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
      expect(tests.length > 0).toBe(isShown);
      expect(tests.every((text) => text.toLowerCase().includes(wordOf(name)))).toBe(true);
      if (claim.level !== "bit-exact") expect(claim.note?.length).toBeGreaterThan(0);
    }
    expect(profile.sources.length).toBeGreaterThan(0);
  });
});

describe("profiles", () => {
  it("have names of their own, each known by something here", () => {
    expect([...PROFILES.keys()].sort()).toEqual(Object.keys(KNOWN_BY).sort());
  });

  it("are bit-exact as a whole only where both halves are: those of Linux", () => {
    const exact = profiles.filter((profile) => fidelityOf(profile) === "bit-exact").map(({ name }) => name);
    expect(exact).toEqual(["linux-l3", "linux-l4", "linux-inner", "linux-custom", "linux-resilient"]);
  });

  it("of Linux say the policies that the kernel tests try", () => {
    const test = readFileSync(new URL("linux/packets-kernel.test.ts", import.meta.url), "utf8");
    expect(test).toContain("[0, 1, 2]");
    expect(profiles.filter(({ hash }) => hash.algorithm === "linux").map(({ hash }) => hash.policy)).toEqual([0, 1, 2, 3, 1]);
  });
});
