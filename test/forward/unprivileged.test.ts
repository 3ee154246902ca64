/**
 * The router as root starts it for a user that owns nothing: what its threads may do is read from /proc, and that it is enough is
 * seen on the wire: forwarding by two workers, BGP on port 179 with TCP-MD5 and GTSM (BIRD), ports that come and go, a journal
 * and a tap.
 *
 *   client 10.0.1.2 -- port0 [router] port1 -- 10.0.11.2 node with BIRD (198.51.100.10)
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { flowOffloadChoices } from "../common/flow-offload.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { deleteInterface, inNamespace, run } from "../common/namespace.ts";
import { until } from "../common/until.ts";

const UID = 61_234;
const SERVICE = "198.51.100.10";
const BIRD = "/usr/sbin/bird";
/** CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW; of who carries flows CAP_BPF, too. */
const capabilities = (flowOffload: boolean): string =>
  ((1n << 10n) | (1n << 12n) | (1n << 13n) | (flowOffload ? 1n << 39n : 0n)).toString(16).padStart(16, "0");

const othersMayEnter = (path: string): boolean =>
  path === "/" || ((statSync(path).mode & 0o005) === 5 && othersMayEnter(dirname(path)));
const obstacle = (): string | undefined => {
  if (process.getuid?.() !== 0) return "wants root";
  if (!othersMayEnter(dirname(ECMP))) return "wants a checkout that others may read";
  return existsSync(BIRD) ? undefined : `wants ${BIRD}`;
};

await inNamespace(import.meta.url, () => {
  const missing = obstacle();
  if (missing) return void test.skip(`a router that gives up root: ${missing}`);

  describe.each(flowOffloadChoices())("a router that gives up root (flowOffload: %s)", (flowOffload) => {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-user-"));
    const place = (name: string): string => join(folder, name);
    const control = place("run/ecmp/control.sock");
    const [file, journal, capture] = ["router.yaml", "own/journal.jsonl", "own/tap.pcapng"].map(place);
    const hosts: Host[] = [];
    let router: Program;

    const runAs = (user: string, words: readonly string[] = []): string[] => [
      ...[process.execPath, ECMP, "run", file, "--control", control, "--user", user],
      ...words,
    ];
    /** What is said by a router that does not start. */
    const refusal = (command: readonly string[], env = process.env) => {
      const { status, stderr } = spawnSync(command[0], command.slice(1), { encoding: "utf8", env });
      return { status, stderr: stderr.trim() };
    };
    const show = showOf(control);
    const reaches = (address: string): boolean => /1 received/.test(hosts[0].ask(`ping -c 1 -W 1 ${address}`));
    const configure = (more = ""): void =>
      writeFileSync(
        file,
        `ports: [{interface: port0, tap: {file: ${capture}}}, {interface: port1}]
workers: 2
flowOffload: ${flowOffload}
bgp:
  asn: 64513
  routerId: 10.0.1.1
  neighbors: [{address: 10.0.11.2, remoteAsn: 64601, password: open sesame, ttlSecurity: {}, passive: true, accept: [${SERVICE}/32]}]
${more}`,
      );

    async function prepare(): Promise<void> {
      chmodSync(folder, 0o755);
      mkdirSync(place("own"));
      chownSync(place("own"), UID, UID);
      run("ip link set lo up");
      for (const [port, node] of [
        ["port0", "10.0.1"],
        ["port1", "10.0.11"],
      ]) {
        hosts.push(await Host.create(port, `${node}.2/24`, `${node}.1`));
        run(`ip addr add ${node}.1/24 dev ${port}`);
      }
      hosts[1].run(`ip addr add ${SERVICE}/32 dev lo`);
      writeFileSync(
        place("bird.conf"),
        `router id 10.0.11.2;
protocol device {}
protocol static { ipv4; route ${SERVICE}/32 blackhole; }
protocol bgp upstream {
  local 10.0.11.2 as 64601; neighbor 10.0.11.1 as 64513;
  password "open sesame"; ttl security yes; connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 { import none; export where source = RTS_STATIC; };
}
`,
      );
      configure(`journal: {file: ${journal}}\n`);
      router = start(runAs(String(UID)));
      expect(await router.line()).toBe("ready");
      hosts[1].start([BIRD, "-f", "-c", place("bird.conf"), "-s", place("bird.ctl"), "-P", place("bird.pid")]);
    }

    beforeAll(prepare, 60_000);
    afterAll(() => {
      router?.child.kill("SIGKILL");
      if (existsSync(place("bird.pid"))) process.kill(Number(readFileSync(place("bird.pid"), "utf8")), "SIGKILL");
      for (const name of ["port0", "port1"]) deleteInterface(name);
      for (const host of hosts) host.end();
      rmSync(folder, { recursive: true });
    });

    test("has a user's threads, each with these few capabilities and no way to more", () => {
      const tasks = `/proc/${router.child.pid}/task`;
      const facts = (id: string): Record<string, string> =>
        Object.fromEntries(
          [...readFileSync(`${tasks}/${id}/status`, "utf8").matchAll(/^(\w+):\t(.*)$/gm)].map(([, name, value]) => [
            name,
            value.trim(),
          ]),
        );
      const threads = readdirSync(tasks).map(facts);
      // Node's own, two workers and the one that stands by.
      expect(threads.length).toBeGreaterThan(7);
      for (const thread of threads)
        expect(thread).toMatchObject({
          Uid: Array(4).fill(UID).join("\t"),
          Gid: Array(4).fill(UID).join("\t"),
          Groups: "",
          CapInh: capabilities(flowOffload),
          CapPrm: capabilities(flowOffload),
          CapEff: capabilities(flowOffload),
          CapBnd: capabilities(flowOffload),
          CapAmb: capabilities(flowOffload),
          NoNewPrivs: "1",
        });
      // BFD's thread asks for it; not every root may give it (CAP_SYS_RESOURCE).
      const limit = spawnSync("prlimit", ["--rtprio=1", "true"]).status === 0 ? "1 +1" : "0 +0";
      expect(readFileSync(`/proc/${router.child.pid}/limits`, "utf8")).toMatch(
        new RegExp(`^Max realtime priority +${limit} `, "m"),
      );
    });

    test("forwards, holds a session with MD5 and GTSM on port 179, and keeps the kernel off", { timeout: 60_000 }, () => {
      until("BIRD has told its route", () => show("groups").groups.length > 0);
      until("the service answers", () => reaches(SERVICE));
      expect(show("counters").flowOffload?.because).toBe(flowOffload ? "a tap is open" : undefined);
      expect(run("nft list tables netdev")).toContain("ecmp_router");
      expect(run("ss -Hltn sport = :179")).toContain(":179");
    });

    test("follows ports that go and come back, and its file when it changes", { timeout: 60_000 }, async () => {
      run("ip link set port1 down");
      until("the port is seen down", () => show("ports")[1].state === "down");
      run("ip link set port1 up");
      until("the service answers again", () => reaches(SERVICE));
      configure("routes: [{prefix: 203.0.113.0/24, nextHops: [{address: 10.0.11.2}]}]\n");
      router.child.kill("SIGHUP");
      until("the file was read", () => JSON.stringify(show("routes")).includes("203.0.113.0"));
    });

    if (flowOffload)
      test("carries flows, once no tap wants to see them", { timeout: 60_000 }, () => {
        configure();
        writeFileSync(file, readFileSync(file, "utf8").replace(/, tap: \{.*?\}/, ""));
        const { status, stderr } = spawnSync(process.execPath, [ECMP, "reload", "--control", control], { encoding: "utf8" });
        expect([status, stderr]).toEqual([0, ""]);
        until("the service answers", () => reaches(SERVICE));
        hosts[0].run(`ping -c 20 -i 0.01 ${SERVICE}`);
        expect(show("counters").flowOffload).toMatchObject({ state: "on" });
        expect(show("counters").flowOffload.packets).toBeGreaterThan(20);
      });

    test("owns what it writes, and the folder of its socket, which was not there", () => {
      until("the journal and the capture are written", () => existsSync(journal) && existsSync(capture));
      for (const path of [journal, capture, control, dirname(control)]) expect([path, statSync(path).uid]).toEqual([path, UID]);
      expect([statSync(control).mode & 0o777, statSync(place("run")).uid]).toEqual([0o600, 0]);
    });

    test("says which file it may not write, and goes on", { timeout: 60_000 }, async () => {
      configure(`journal: {file: ${place("journal.jsonl")}}\n`);
      const complaint = router.said(/journal-failed file=\S+ problem=EACCES: permission denied/);
      router.child.kill("SIGHUP");
      await complaint;
      until("the service answers still", () => reaches(SERVICE));
    });

    test("takes its rule along when it ends", async () => {
      router.child.kill("SIGTERM");
      expect(await router.ended).toMatchObject({ code: 0 });
      expect(run("nft list tables netdev")).not.toContain("ecmp_router");
    });

    test("that cannot become that user says why, and is not root instead", () => {
      expect(refusal(runAs("root"))).toEqual({ status: 2, stderr: '--user: "root", wanted a user that is not root' });
      expect(refusal(runAs("nobody-at-all"))).toEqual({
        status: 2,
        stderr: '--user: "nobody-at-all", wanted a user of this machine or its number',
      });
      const asOther = ["setpriv", "--reuid=61235", "--regid=61235", "--clear-groups", "--"];
      expect(refusal([...asOther, ...runAs(String(UID))])).toEqual({
        status: 2,
        stderr: `--user: "${UID}", wanted to be started by root, or by that user`,
      });
      expect(refusal(["setpriv", "--bounding-set=-setuid", "--", ...runAs(String(UID))])).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(
          /^--user: "61234": setpriv: .*; wanted root with CAP_SETUID, .*, in a namespace that has that user$/,
        ),
      });
      expect(refusal(runAs(String(UID)), { ...process.env, PATH: folder })).toEqual({
        status: 2,
        stderr: "--user: cannot run setpriv: spawnSync setpriv ENOENT; wanted the program setpriv (package util-linux)",
      });
    });

    if (flowOffload)
      test("that may not ask for programs says what it wants, as root and as a user", () => {
        configure();
        const without = ["setpriv", "--bounding-set=-bpf,-sys_admin", "--"];
        const asRoot = [...without, process.execPath, ECMP, "run", file, "--control", control];
        expect(refusal(asRoot)).toEqual({
          status: 2,
          stderr: expect.stringMatching(
            /^flowOffload: BPF: .*: Operation not permitted; wanted CAP_BPF and CAP_NET_ADMIN of the machine/m,
          ),
        });
        expect(refusal([...without, ...runAs(String(UID))])).toEqual({
          status: 2,
          stderr: expect.stringMatching(
            /^--user: "61234": setpriv: .*; wanted root with .*CAP_BPF, in a namespace that has that user$/,
          ),
        });
        expect(run("nft list tables netdev")).not.toContain("ecmp_router");
      });

    test("says which of its files the user may not write or read", () => {
      const closed = place("control.sock");
      expect(refusal(runAs(String(UID)).with(5, closed))).toEqual({
        status: 2,
        stderr: `--control: listen EACCES: permission denied ${closed}, wanted a folder that the router may write in`,
      });
      configure();
      chmodSync(file, 0o600);
      expect(refusal(runAs(String(UID)))).toEqual({
        status: 2,
        stderr: `${file}: it may not be read, wanted a file that can be read`,
      });
    });
  });
});
