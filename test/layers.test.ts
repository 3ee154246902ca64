/** The import law of src/README.md, held: who may import whom, no cycles (type imports included), and where time and chance live. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, it } from "vitest";

const ROOT = new URL("..", import.meta.url).pathname;
const SRC = join(ROOT, "src");

/** What each folder may import of ours; a folder may always import itself. "types:" allows type-only imports. */
const LAW: Record<string, readonly string[]> = {
  net: [],
  pcap: [],
  wire: ["net"],
  ecmp: ["net"],
  bgp: ["net"],
  mrt: ["net", "bgp"],
  rib: ["net", "types:bgp", "bgp/path", "bgp/communities", "ecmp/table"],
  port: ["net", "wire", "pcap", "native-bindings"],
  speaker: ["net", "bgp", "mrt", "types:rib/route", "port/tcp-socket", "port/rotating-file"],
  conform: ["net", "bgp"],
  bfd: ["net", "port/datagram-socket", "port/thread", "port/wake"],
  fib: ["net", "ecmp", "types:rib"],
  dataplane: ["net", "wire", "ecmp", "fib", "port"],
  config: ["net", "ecmp"],
  experiment: [
    "net",
    "wire",
    "pcap",
    "ecmp",
    "rib/next-hop",
    "rib/overrides",
    "fib",
    "port",
    "dataplane/classify",
    "dataplane/extract",
    "dataplane/forward",
    "dataplane/verdict",
    "dataplane/vlan",
    "config",
  ],
  lab: ["net", "config", "experiment", "fib/state"],
  router: ["net", "pcap", "wire", "ecmp", "bgp", "mrt", "rib", "port", "speaker", "bfd", "fib", "dataplane", "config"],
  commands: ["*"],
  "main.ts": ["commands"],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));

function importsOf(file: string): { ours: Import[]; packages: string[] } {
  const text = readFileSync(join(SRC, file), "utf8");
  const ours: Import[] = [];
  const packages: string[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?"([^"]+)";/gms)) {
    const [statement, isType, target] = match;
    if (!target.startsWith(".")) packages.push(target);
    else {
      const names =
        /\{([^}]*)\}/
          .exec(statement)?.[1]
          .split(",")
          .map((name) => name.trim())
          .filter(Boolean) ?? [];
      const onlyTypes = Boolean(isType) || (names.length > 0 && names.every((name) => name.startsWith("type ")));
      ours.push({ from: file, to: relative(SRC, normalize(join(SRC, dirname(file), target))), isType: onlyTypes });
    }
  }
  return { ours, packages };
}

const roomOf = (file: string): string => (file.startsWith("../native-bindings") ? "native-bindings" : file.split("/")[0]);

function isAllowed({ from, to, isType }: Import): boolean {
  const rules = LAW[roomOf(from)];
  if (rules === undefined) throw new Error(`${from}: its folder has no row in the import law, wanted one in test/layers.test.ts`);
  if (roomOf(from) === roomOf(to) || rules.includes("*")) return true;
  const target = to.replace(/\.ts$/, "").replace(/^\.\.\//, "");
  return rules.some((rule) => {
    const typesOnly = rule.startsWith("types:");
    const allowed = rule.replace("types:", "");
    return (!typesOnly || isType) && (target === allowed || target.startsWith(`${allowed}/`));
  });
}

const all = files.map((file) => ({ file, ...importsOf(file) }));

describe("the import law", () => {
  it("holds for every import of every file", () => {
    const broken = all.flatMap(({ ours }) => ours).filter((one) => !isAllowed(one));
    expect(
      broken.map(
        ({ from, to }) =>
          `${from} imports ${to}: ${roomOf(from)} may import ${LAW[roomOf(from)].join(", ") || "nothing of ours"}`,
      ),
    ).toEqual([]);
  });

  it("allows no cycle, type imports included", () => {
    const graph = new Map(all.map(({ file, ours }) => [file, ours.map(({ to }) => to)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      else if (!done.has(file)) {
        for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
        done.add(file);
      }
    };
    for (const file of graph.keys()) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it("keeps Node out of the forwarding core and of everything it imports", () => {
    const reached = new Set<string>();
    const visit = (file: string): void => {
      if (reached.has(file)) return;
      reached.add(file);
      for (const { to } of all.find((one) => one.file === file)?.ours ?? []) visit(to);
    };
    visit("dataplane/forward.ts");
    const node = all
      .filter(({ file }) => reached.has(file))
      .flatMap(({ file, packages }) => packages.map((name) => `${file}: ${name}`));
    expect(reached.size).toBeGreaterThan(10);
    expect(node.filter((line) => line.includes("node:"))).toEqual([]);
  });

  it("keeps the machine's clock and chance in net/clock.ts and net/random.ts", () => {
    const wanted = /\bDate\b\s*[.(]|new Date\b|\bperformance\s*\.|Math\.random|process\.hrtime|randomBytes|getRandomValues/;
    const found = files.filter((file) =>
      wanted.test(readFileSync(join(SRC, file), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "")),
    );
    expect(found.sort()).toEqual(["net/clock.ts", "net/random.ts"]);
  });

  it("lets no file of the product over 300 lines pass without saying at its top why it is one thing", () => {
    const long = files.filter((file) => {
      const text = readFileSync(join(SRC, file), "utf8");
      return text.split("\n").length > 300 && !/one (thing|file)|300 lines/i.test(text.slice(0, 1500));
    });
    expect(long).toEqual([]);
  });
});
