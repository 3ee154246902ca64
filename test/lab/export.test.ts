/**
 * What `ecmp lab export` can express: every ready lab in both forms; and of other labs, what each form refuses, with its reason.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { labNames, loadLab } from "#src/lab/catalog.ts";
import { renderCompose } from "#src/lab/compose.ts";
import { renderContainerlab } from "#src/lab/containerlab.ts";
import { FAULT_KINDS, type Lab, routersOf } from "#src/lab/lab.ts";
import { readLab } from "#src/lab/lab-file.ts";
import { smallLab } from "./small-lab.ts";
import { MAIN } from "./users.ts";

const FORMS = {
  compose: (lab: Lab): object => (parse(renderCompose(lab)) as { services: object }).services,
  containerlab: (lab: Lab): object => (parse(renderContainerlab(lab)) as { topology: { nodes: object } }).topology.nodes,
};
type Form = keyof typeof FORMS;
const forms = Object.keys(FORMS) as Form[];

const everyLab = labNames().flatMap((name) => forms.map((form) => [name, form] as const));

/** A network of an engine is a bridge already. */
function machinesOf(lab: Lab, form: Form): string[] {
  const pods = lab.nodes.flatMap((node) => node.pods);
  const machines = [...routersOf(lab), ...lab.nodes, ...pods].map(({ name }) => name);
  return [...machines, ...lab.hosts, ...(form === "containerlab" ? lab.bridges : [])];
}

describe("every ready lab", () => {
  it.each(everyLab)("%s has a form in %s, with all its machines", (name, form) => {
    const lab = loadLab(name);
    expect(Object.keys(FORMS[form](lab)).sort()).toEqual(machinesOf(lab, form).sort());
  });
});

const text = smallLab("small", 2);

function labOf(changed: string): Lab {
  expect(changed).not.toBe(text);
  const result = readLab(changed);
  if ("mistakes" in result) throw new Error(JSON.stringify(result.mistakes));
  return result.lab;
}

const inserted = (line: string) => text.replace("services:\n", `${line}\nservices:\n`);

const REFUSED: readonly (readonly [what: string, changed: string, forms: readonly Form[], reason: string])[] = [
  [
    "an event that no signal can do",
    text.replace("kind: kill-speaker", "kind: link-down"),
    ["compose", "containerlab"],
    "the event is link-down\n  wanted  one that a signal can do: kill-speaker, stop-speaker",
  ],
  [
    "a network without an address to spare",
    text.replace("[10.0.1.2/24, 10.0.1.1/24]", "[10.0.1.2/30, 10.0.1.1/30]"),
    ["compose"],
    "client-router is 10.0.1.0/30, all taken (10.0.1.2, 10.0.1.1)\n  wanted  an address left for the engine's own",
  ],
  [
    "links of one bridge with MTUs of their own",
    text.replace("ipv4: [10.0.0.11/24] }", "ipv4: [10.0.0.11/24], mtu: 1400 }"),
    ["compose"],
    "the links of fabric have MTUs of the default, 1400\n  wanted  one for a bridge",
  ],
  [
    "two subnets on one bridge",
    text.replace("ipv4: [10.0.0.11/24] }", "ipv4: [10.0.0.11/23] }"),
    ["compose"],
    "fabric has the subnets 10.0.0.0/24, 10.0.0.0/23\n  wanted  one of each family",
  ],
  [
    "a machine twice on one bridge",
    inserted('    - { endpoints: ["n1:eth1", "fabric:n1b"], ipv4: [10.0.0.21/24] }'),
    ["compose"],
    "a machine is on fabric twice\n  wanted  one link of each machine to a bridge",
  ],
  [
    "a link without an address",
    inserted('    - { endpoints: ["client:eth1", "n1:eth1"] }'),
    ["compose"],
    "client:eth1 has no address\n  wanted  one for every machine on a link",
  ],
  [
    "a bridge with an address",
    inserted('    - { endpoints: ["client:eth1", "fabric:c"], ipv4: [10.0.0.5/24, 10.0.0.6/24] }'),
    ["compose"],
    "fabric:c has an address\n  wanted  none at a bridge",
  ],
  [
    "two bridges that are linked",
    inserted('    - { endpoints: ["fabric:b2", "b2:fabric"] }').replace("fabric: {", "b2: { kind: bridge }\n    fabric: {"),
    ["compose"],
    "fabric and b2 are linked\n  wanted  no link between two bridges",
  ],
];

describe("a lab that a form cannot express", () => {
  it.each(REFUSED)("is refused there, and there alone: %s", (_, changed, refusing, reason) => {
    const lab = labOf(changed);
    for (const form of forms) {
      if (refusing.includes(form)) expect(() => FORMS[form](lab)).toThrow(reason);
      else expect(FORMS[form](lab)).toBeDefined();
    }
  });

  it("is named by the command, with exit code 2", () => {
    const run = () => execFileSync(process.execPath, [MAIN, "lab", "export", "nowhere", "--compose"], { stdio: "pipe" });
    expect(run).toThrow(/nowhere/);
  });
});

describe("a link's MTU", () => {
  const lab = loadLab("anycast-pmtu");

  it("is the network's in compose, where the others keep the engine's", () => {
    const { networks } = parse(renderCompose(lab)) as { networks: Record<string, { driver_opts: Record<string, string> }> };
    const mtus = Object.entries(networks).map(([name, { driver_opts }]) => [name, driver_opts["com.docker.network.driver.mtu"]]);
    expect(mtus.filter(([, mtu]) => mtu !== undefined)).toEqual([["edge-border", "1300"]]);
  });

  it("is the link's in containerlab, where the others have what they have in namespaces and not its 9500", () => {
    const { topology } = parse(renderContainerlab(lab)) as { topology: { links: { endpoints: string[]; mtu: number }[] } };
    for (const { endpoints, mtu } of topology.links) expect(mtu).toBe(endpoints[0] === "edge:tunnel0" ? 1300 : 1500);
  });
});

describe("the event", () => {
  const stopped = loadLab("stopped-speaker");

  it.each(forms)("of a speaker that falls silent is told as that by %s", (form) => {
    const text = form === "compose" ? renderCompose(stopped) : renderContainerlab(stopped);
    expect(text).toContain("n2's speaker falls silent, the hold timer (3 s) finds it");
    expect(text).not.toContain("dies");
  });

  it("is one of the two that a signal can do, in either form", () => {
    const possible = FAULT_KINDS.filter((kind) => {
      const event = { kind, node: "n2" };
      try {
        return Boolean(renderContainerlab({ ...stopped, experiment: { ...stopped.experiment, event } }));
      } catch {
        return false;
      }
    });
    expect(possible).toEqual(["kill-speaker", "stop-speaker"]);
  });
});

describe("a lab of one's own", () => {
  const lab = labOf(`# mine\n${text}`);
  const source = { name: "./mine.yaml", file: "/home/me/mine.yaml" };
  const [played, bind] = ["/etc/ecmp/lab.yaml", "/home/me/mine.yaml:/etc/ecmp/lab.yaml:ro"];

  it("is played in compose by every container from the file", () => {
    const { services } = parse(renderCompose(lab, source)) as {
      services: Record<string, { command: string[]; volumes: string[] }>;
    };
    for (const [name, { command, volumes }] of Object.entries(services)) {
      expect(command).toEqual(["lab", "play", played, name]);
      expect(volumes).toContain(bind);
    }
  });

  it("is played in containerlab by every node but a bridge from the file", () => {
    const { topology } = parse(renderContainerlab(lab, source)) as {
      topology: { nodes: Record<string, { exec: string[]; binds?: string[] }> };
    };
    for (const [name, { exec, binds = [] }] of Object.entries(topology.nodes)) {
      const plays = !lab.bridges.includes(name);
      expect(exec.at(-1)?.includes(`ecmp lab play ${played} ${name} `)).toBe(plays);
      expect(binds.includes(bind)).toBe(plays);
    }
  });

  it("is exported by its path, which may be said from anywhere", () => {
    const folder = mkdtempSync(`${tmpdir()}/ecmp-export-`);
    writeFileSync(`${folder}/mine.yaml`, text);
    const said = execFileSync(process.execPath, [MAIN, "lab", "export", "./mine.yaml", "--compose"], {
      cwd: folder,
      encoding: "utf8",
    });
    rmSync(folder, { recursive: true });
    expect(said).toContain(`- ${folder}/mine.yaml:${played}:ro\n`);
    expect(said).toContain("Made by: ecmp lab export ./mine.yaml --compose");
  });
});

it("parallel cables are networks of their own", () => {
  const lab = labOf(inserted('    - { endpoints: ["client:eth1", "router:client1"], ipv4: [10.0.2.2/24, 10.0.2.1/24] }'));
  const { networks } = parse(renderCompose(lab)) as { networks: object };
  expect(Object.keys(networks)).toEqual(["client-router", "fabric", "client-router-2", "n1-pods", "n2-pods"]);
});
