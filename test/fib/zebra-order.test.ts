/**
 * The member order `announced` against FRR: zebra and staticd in a namespace are told of next hops and rid of them again, one
 * by one, over several prefixes, and the kernel's routes must have theirs in the order in which our groups have them.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, test } from "vitest";
import { createFib } from "#src/fib/fib.ts";
import { createImage } from "#src/fib/image.ts";
import { parseIpv4 } from "#src/net/address.ts";
import { parsePrefix } from "#src/net/prefix.ts";
import { entropySeed, randomBelow, seededRandom } from "#src/net/random.ts";
import { frrDaemon } from "../common/frr.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { until } from "../common/until.ts";

const DAEMONS = "/usr/lib/frr";
const PREFIXES = ["198.51.100.0/24", "198.51.101.0/24", "198.51.102.0/24"];
const HOPS = [10, 20, 30, 40, 50, 60].map((last) => `10.0.0.${last}`);
const STEPS = 30;
const PATIENCE_MS = 20_000;

await inNamespace(import.meta.url, () => {
  if (!existsSync(`${DAEMONS}/zebra`) || !existsSync(`${DAEMONS}/staticd`))
    return void test.skip("the order of FRR's zebra: no zebra and staticd in /usr/lib/frr");
  const folder = mkdtempSync(join(tmpdir(), "ecmp-zebra-"));
  const daemons: ChildProcess[] = [];

  const start = (name: string): void => {
    const [program, ...words] = frrDaemon(folder, name, ["-f", "/dev/null"]);
    daemons.push(spawn(program, words, { stdio: "ignore" }));
  };
  const vtysh = (daemon: string, ...commands: string[]): string =>
    spawnSync("vtysh", ["--vty_socket", folder, "-d", daemon, ...commands.flatMap((command) => ["-c", command])], {
      encoding: "utf8",
    }).stdout;
  const kernelOrder = (prefix: string): string[] =>
    [...run(`ip route show ${prefix}`).matchAll(/via (\S+)/g)].map(([, gateway]) => gateway);

  beforeAll(() => {
    run("ip link set dev lo up");
    createCable("out0", "sink0");
    run("ip address add 10.0.0.254/24 dev out0");
    for (const name of ["zebra", "staticd"]) {
      start(name);
      until(name, () => /FRRouting/.test(vtysh(name, "show version")), PATIENCE_MS);
    }
  }, 2 * PATIENCE_MS);
  afterAll(() => {
    for (const daemon of daemons) daemon.kill();
    rmSync(folder, { recursive: true });
  });

  it(
    "groups have their members in the order of zebra's, whatever came and went",
    () => {
      const seed = entropySeed();
      const random = seededRandom(seed);
      const hash = { algorithm: "xxh32", fields: ["5-tuple"], seed: 0 };
      const options = { buffers: createImage(1 << 16), selector: "modulo", selectorOptions: {}, hash, workers: 0 };
      const fib = createFib({ ...options, memberOrder: "announced" });
      const ourOrder = (prefix: string): string[] | undefined =>
        fib
          .state()
          .groups.find(({ prefixes }) => prefixes.includes(prefix))
          ?.members.map(({ address }) => address);

      const hops = new Map(PREFIXES.map((prefix) => [prefix, new Set<string>()]));
      const history: string[] = [];
      /** The hop comes to the prefix, or leaves it. */
      const toggle = (prefix: string, hop: string): void => {
        const of = hops.get(prefix) as Set<string>;
        const isThere = of.delete(hop);
        if (!isThere) of.add(hop);
        const command = `${isThere ? "no " : ""}ip route ${prefix} ${hop}`;
        history.push(command);
        vtysh("staticd", "configure terminal", command);
        until(command, () => kernelOrder(prefix).sort().join() === [...of].sort().join(), PATIENCE_MS);

        const nextHops = [...of].sort().map((address) => ({ address: parseIpv4(address) as number, weight: 1 }));
        const prefixes = [parsePrefix(prefix) as NonNullable<ReturnType<typeof parsePrefix>>];
        fib.apply([{ prefixes, protocol: "static", nextHops }]);
        expect(ourOrder(prefix), `seed ${seed}: ${history.join("; ")}`).toEqual(kernelOrder(prefix));
      };

      for (const hop of ["10.0.0.60", "10.0.0.10"]) toggle(PREFIXES[0], hop);
      expect(kernelOrder(PREFIXES[0])).toEqual(["10.0.0.60", "10.0.0.10"]);
      for (let step = 0; step < STEPS; step++) {
        const prefix = PREFIXES[randomBelow(random, PREFIXES.length)];
        const hop = HOPS[randomBelow(random, HOPS.length)];
        if ([...(hops.get(prefix) ?? [])].join() !== hop) toggle(prefix, hop);
      }
    },
    3 * PATIENCE_MS,
  );
});
