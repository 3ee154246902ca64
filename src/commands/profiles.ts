/** `ecmp profiles`: the routers that can be imitated, and how far each may be believed. */
import { Command } from "commander";
import { fidelityOf, memberOrderOf, PROFILES, type Profile } from "../ecmp/profile.ts";
import { CommandError, formatTable, print, printJson } from "./output.ts";

export function profilesCommand(): Command {
  return new Command("profiles")
    .description("list the routers that can be imitated, and how far each may be believed")
    .argument("[name]", "show one of them in full")
    .option("--json", "one JSON array of profiles; with a name, one JSON object")
    .action(profiles);
}

function profiles(name: string | undefined, options: { json?: boolean }): void {
  if (name === undefined) {
    const all = [...PROFILES.values()];
    if (options.json) printJson(all.map(withFidelity));
    else print(formatList(all));
    return;
  }
  const profile = PROFILES.get(name);
  if (!profile) throw new CommandError(`profiles: ${JSON.stringify(name)}, wanted one of ${[...PROFILES.keys()].join(", ")}`);
  if (options.json) printJson(withFidelity(profile));
  else print(formatProfile(profile));
}

/** The row with the lesser of its two claims and the default spelled out, for scripts; the name comes first. */
function withFidelity(profile: Profile) {
  const { name, summary, ...rest } = profile;
  return { name, summary, ...rest, fidelity: fidelityOf(profile), memberOrder: memberOrderOf(name) };
}

function formatList(all: readonly Profile[]): string {
  const rows = all.map((profile) => [
    profile.name,
    describeHash(profile),
    profile.hashClaim.level,
    profile.selector.name,
    profile.selectionClaim.level,
    profile.fragments,
    profile.icmpErrors,
  ]);
  const table = formatTable(["profile", "hash", "shown", "selector", "shown", "fragments", "ICMP errors"], rows);
  return `${table}\n\n\`ecmp profiles NAME\` tells what is shown, what is ours, and the sources.`;
}

const describeHash = ({ hash }: Profile): string =>
  hash.policy === undefined ? hash.algorithm : `${hash.algorithm} policy ${hash.policy}`;

function formatProfile(profile: Profile): string {
  const { hash, selector } = profile;
  const more = [
    hash.seed === "none" ? "no seed" : `seed of ${hash.seedBits ?? 32} bits`,
    ...(hash.offset === undefined ? [] : [`offset ${hash.offset}`]),
    ...(hash.symmetric ? ["symmetric"] : []),
    ...(hash.mask === undefined ? [] : [`fields 0x${hash.mask.toString(16).padStart(3, "0")}`]),
  ];
  const options = Object.entries(selector.options).map(([name, value]) => `${name} ${value}`);
  const rows = [
    ["fidelity", fidelityOf(profile)],
    ["hash", `${describeHash(profile)} over ${hash.fields.join(", ")}; ${more.join(", ")}`],
    ["", describeClaim(profile.hashClaim)],
    ["selector", [selector.name, ...options].join(", ")],
    ["", describeClaim(profile.selectionClaim)],
    ["members", memberOrderOf(profile.name)],
    ["fragments", profile.fragments],
    ["ICMP errors", profile.icmpErrors],
    ...(profile.departs === undefined ? [] : [["departs", profile.departs]]),
    ...profile.sources.map((source, i) => [i === 0 ? "sources" : "", source]),
  ];
  return [`${profile.name}: ${profile.summary}`, ...rows.map(([label, text]) => `  ${label.padEnd(12)}${text}`)].join("\n");
}

const describeClaim = ({ level, shownBy, note }: Profile["hashClaim"]): string =>
  [level, ...(shownBy ? [`shown by ${shownBy.join(", ")}`] : []), ...(note === undefined ? [] : [note])].join("; ");
