/** `ecmp fault set|clear|list|kill-worker`: puts faults around the ports of a running router, through its control socket. */
import { Command, type OptionValues } from "commander";
import { DEFAULT_CONTROL_SOCKET } from "../router/control.ts";
import { askOnce } from "./control-client.ts";
import { wholeNumber } from "./flag-value.ts";
import { print, printJson } from "./output.ts";

interface PortFaults {
  readonly interface: string;
  readonly rules: readonly Readonly<Record<string, string | number | boolean>>[];
  readonly counts: Readonly<Record<string, number>>;
}

/** The options of `set` that are a rule's numbers. */
const FAULTS = [
  ["--lose-pct <percent>", "lose this many of a hundred frames"],
  ["--delay-ms <ms>", "hold each frame so long"],
  ["--jitter-ms <ms>", "and up to so much shorter or longer"],
  ["--duplicate-pct <percent>", "send this many twice"],
  ["--reorder-pct <percent>", "send this many behind the next one"],
  ["--corrupt-pct <percent>", "turn one bit of this many over"],
  ["--seed <number>", "of the draws (default 1): the same frames meet the same faults"],
] as const;

export function faultCommand(): Command {
  const command = new Command("fault").description(
    "put faults around the ports of a running router (lose, delay, duplicate, reorder, corrupt), or kill a worker",
  );
  const set = command
    .command("set")
    .description("one rule for a port, direction and next hop; it takes the place of the one before")
    .argument("<interface>", "a port of the router")
    .option("--next-hop <address>", "only frames that go there; this rule goes before the one for all")
    .option("--direction <out|in>", "what the port sends, or what it receives (default out)");
  for (const [flags, description] of FAULTS) set.option(flags, description, Number);
  const clear = command
    .command("clear")
    .description("take rules away: all, or those of a port, or one")
    .argument("[interface]", "a port of the router")
    .option("--next-hop <address>", "only the rule for it")
    .option("--direction <out|in>", "only the rule of that direction");
  const list = command.command("list").description("the rules of each port, and what they have done");

  const kill = command
    .command("kill-worker")
    .description("end a worker thread where it stands; the one that stands by takes its place")
    .argument("[worker]", "its number, from 0 on", wholeNumber(0, 255), 0);

  for (const one of [set, clear, list, kill])
    one
      .option("--control <socket>", "the router's control socket", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET)
      .option("--json", "one JSON value");
  set.action((name: string, { control, json, ...rule }: OptionValues) =>
    request(control, json, { action: "set", interface: name, rule }),
  );
  clear.action((name: string | undefined, { control, json, ...which }: OptionValues) =>
    request(control, json, { action: "clear", ...(name === undefined ? {} : { interface: name }), ...which }),
  );
  kill.action((worker: number, { control, json }: OptionValues) => request(control, json, { action: "kill-worker", worker }));
  list.action(({ control, json }: OptionValues) => request(control, json, { action: "list" }));
  return command;
}

async function request(control: string, asJson: boolean | undefined, fault: object): Promise<void> {
  const ports = (await askOnce(control, { fault })) as readonly PortFaults[];
  if (asJson) printJson(ports);
  else print(ports.map(formatPort).join("\n"));
}

function formatPort({ interface: name, rules, counts }: PortFaults): string {
  const done = Object.entries(counts).filter(([, count]) => count > 0);
  const lines = rules.map(
    (rule) =>
      `  ${Object.entries(rule)
        .map(([key, value]) => `${key} ${value}`)
        .join(", ")}`,
  );
  const happened = done.length === 0 ? "" : `  so far: ${done.map(([key, count]) => `${count} ${key}`).join(", ")}`;
  return [`${name}: ${rules.length === 0 ? "no faults" : ""}`.trimEnd(), ...lines, happened].filter(Boolean).join("\n");
}
