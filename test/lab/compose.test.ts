import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { labNames, loadLab } from "#src/lab/catalog.ts";
import { renderCompose } from "#src/lab/compose.ts";
import { hasIpv6, hasServers } from "#src/lab/lab.ts";
import { type Engine, EngineFolder, missingForEngine } from "../common/engine.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const text = renderCompose(loadLab("metallb-bgp"));

describe("a lab as a docker-compose file", () => {
  it("is the one at the top of the project", () => {
    expect(readFileSync(`${ROOT}/docker-compose.yml`, "utf8")).toBe(text);
  });

  it("gives every machine of the lab a container, with the addresses that it has in namespaces", () => {
    const { services, networks } = parse(text) as {
      services: Record<string, { networks: Record<string, { ipv4_address: string }> }>;
      networks: Record<string, { ipam: { config: [{ subnet: string; gateway: string }] } }>;
    };
    expect(Object.keys(services).sort()).toEqual(
      ["client", "n1", "n1-a", "n1-b", "n2", "n2-a", "n2-b", "n3", "n3-a", "n3-b", "n4", "n4-a", "n4-b", "router"].sort(),
    );
    expect(services.router.networks).toEqual({
      "client-router": { ipv4_address: "10.0.1.1" },
      fabric: { ipv4_address: "10.0.0.1" },
    });
    const addresses = Object.values(services).flatMap((service) => Object.values(service.networks).map((on) => on.ipv4_address));
    expect(new Set(addresses).size).toBe(addresses.length);
    const gateways = Object.values(networks).map(({ ipam }) => ipam.config[0].gateway);
    for (const gateway of gateways) expect(addresses).not.toContain(gateway);
  });

  it("lets the router have the two capabilities that it needs and no other", () => {
    const { router } = (parse(text) as { services: Record<string, Record<string, unknown>> }).services;
    expect(router).toMatchObject({ cap_drop: ["ALL"], cap_add: ["NET_ADMIN", "NET_RAW"], read_only: true });
    expect(router.privileged).toBeUndefined();
  });
});

/** What the Compose Specification and what compose 1.29 takes of files without a version, as far as we write it. */
const strings = z.record(z.string(), z.string());
const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.string(), target: z.string() }),
  command: z.array(z.string()),
  init: z.boolean(),
  read_only: z.boolean().optional(),
  tmpfs: z.array(z.string()).optional(),
  cap_add: z.array(z.string()).optional(),
  cap_drop: z.array(z.string()).optional(),
  sysctls: z.record(z.string(), z.number()).optional(),
  environment: strings.optional(),
  volumes: z.array(z.string().regex(/^[a-z]+:\/\S+$/)).optional(),
  networks: z.record(z.string(), z.strictObject({ ipv4_address: z.ipv4() })),
  expose: z.array(z.string().regex(/^\d+$/)).optional(),
  depends_on: z.array(z.string()).optional(),
});
const network = z.strictObject({
  driver_opts: strings,
  ipam: z.strictObject({ config: z.array(z.strictObject({ subnet: z.cidrv4(), gateway: z.ipv4() })) }),
});
const name = z.string().regex(/^[a-zA-Z0-9._-]+$/);
const compose = z.strictObject({
  services: z.record(name, service),
  networks: z.record(name, network),
  volumes: z.record(name, z.strictObject({})),
});

const inContainers = labNames().filter((name) => {
  const lab = loadLab(name);
  return lab.furtherRouters.length === 0 && !hasServers(lab) && !hasIpv6(lab);
});

describe.each(inContainers)("the lab %s as a docker-compose file", (lab) => {
  const file: unknown = parse(renderCompose(loadLab(lab)));

  it("says what compose 1 and 2 both take, and nothing else", () => expect(compose.safeParse(file).error).toBeUndefined());

  it("names networks, volumes and services that there are", () => {
    const { services, networks, volumes } = compose.parse(file);
    for (const each of Object.values(services)) {
      for (const on of Object.keys(each.networks)) expect(Object.keys(networks)).toContain(on);
      for (const volume of each.volumes ?? []) expect(Object.keys(volumes)).toContain(volume.split(":")[0]);
      for (const other of each.depends_on ?? []) expect(Object.keys(services)).toContain(other);
    }
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

  it.each(["modulo", "resilient"])(
    "plays the lab with selector %s in containers, and what breaks is what was forecast",
    async (selector) => {
      const compose = (...words: string[]) =>
        engine?.run(["docker-compose", ...words], { ECMP_SELECTOR: selector }) ?? Promise.reject(new Error("no engine"));
      await compose("--file", `${ROOT}/docker-compose.yml`, "up", "--detach", "--no-build");
      await engine?.untilLogged("test_client_1", "waiting", 90_000);

      const status = await engine?.run([
        "docker",
        "inspect",
        "--format",
        "{{.HostConfig.Privileged}} {{.Config.User}}",
        "test_router_1",
      ]);
      expect(status?.trim()).toBe("false ecmp");
      // The first process is the engine's init; the router is its child.
      const capabilities = await engine?.run([
        "docker",
        "exec",
        "test_router_1",
        "sh",
        "-c",
        "grep -h CapEff /proc/[0-9]*/status | sort -u",
      ]);
      expect(
        capabilities
          ?.trim()
          .split("\n")
          .map((line) => line.split(/\s+/)[1]),
      ).toEqual(["0000000000000000", "0000000000003000"]);
      await expect
        .poll(() => engine?.run(["docker", "inspect", "--format", "{{.State.Health.Status}}", "test_router_1"]), {
          timeout: 30_000,
        })
        .toContain("healthy");

      await compose("kill", "-s", "SIGUSR1", "n2");
      const code = await engine?.run(["docker", "wait", "test_client_1"]);
      const said = (await engine?.run(["docker", "logs", "test_client_1"])) ?? "";
      expect({ code: code?.trim(), said }).toMatchObject({ code: "0" });
      const [, broken, forecast] = /broken +(\d+) of 400 \(forecast (\d+)/.exec(said) ?? [];
      expect(broken).toBe(forecast);
      // Resilient moves a quarter, modulo about three quarters.
      if (selector === "modulo") expect(Number(broken)).toBeGreaterThan(200);
      else expect(Number(broken)).toBeLessThan(150);
      // The engine says that a container is gone before its network has let go of it: down is said again until it is done.
      const isDown = (): Promise<boolean> =>
        compose("down", "--volumes").then(
          () => true,
          () => false,
        );
      await expect.poll(isDown, { timeout: 60_000, interval: 500 }).toBe(true);
    },
    180_000,
  );
});

function importBaseImage(builder: Engine): Promise<string> {
  return builder.run(["sh", "-c", `"${ROOT}lab/base-image" | docker import - ecmp-router-base`]);
}
