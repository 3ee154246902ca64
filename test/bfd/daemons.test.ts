/**
 * BFD with the speakers that people run, each on a host of its own at the other end of a cable: up, a wire that goes silent
 * without a word, a frozen process, an operator's switch, and the end from our side; over both families, one hop and many.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, type TestContext, test } from "vitest";
import { Bfd } from "#src/bfd/bfd.ts";
import type { BfdTimers } from "#src/bfd/machine.ts";
import { encodeControl, type State } from "#src/bfd/packet.ts";
import type { BfdChange, BfdPeer, BfdSessionView } from "#src/bfd/sessions.ts";
import { type Address, parseAddress } from "#src/net/address.ts";
import { systemClock } from "#src/net/clock.ts";
import { seededRandom } from "#src/net/random.ts";
import { DatagramSocket } from "#src/port/datagram-socket.ts";
import { Host } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { eventually } from "../speaker/recorder.ts";
import { BFD_DAEMONS, type BfdDaemon, type BfdPlan, startBfdDaemon } from "./daemons.ts";

const DEADLINE_MS = 30_000;
/** Room for a machine on which many others run, too. */
const SLACK_MS = 2000;
const MULTIPLIER = 3;
const parse = (text: string): Address => parseAddress(text) as Address;
const timersOf = (intervalMs: number, more: Partial<BfdTimers> = {}): BfdTimers => ({
  ...{ minTxMs: intervalMs, minRxMs: intervalMs, multiplier: MULTIPLIER, minEchoRxMs: 0, passive: false },
  ...more,
});

await inNamespace(import.meta.url, () => {
  const hosts: Host[] = [];
  beforeAll(() => void run("ip link set lo up"));
  afterAll(() => {
    for (const host of hosts) host.end();
  });

  /** A cable with addresses of both families, and a host at its end. */
  async function connect(number: number) {
    const [ours, theirs] = [1, 2].map((side) => [`10.30.${number}.${side}`, `2001:db8:30:${number}::${side}`]);
    const port = `r${number}`;
    const host = await Host.create(port, `${theirs[0]}/24`, `10.30.${number}.254`);
    hosts.push(host);
    run(`sysctl -qw net.ipv6.conf.${port}.disable_ipv6=0`);
    host.run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0");
    run(`ip address add ${ours[0]}/24 dev ${port}`);
    run(`ip address add ${ours[1]}/64 dev ${port} nodad`);
    host.run(`ip address add ${theirs[1]}/64 dev eth0 nodad`);
    return { host, ours, theirs };
  }

  /** One thread for all tests, as in a router. */
  const told: BfdChange[] = [];
  const peers = new Map<Address, BfdPeer>();
  const bfd = new Bfd({
    clock: systemClock,
    random: seededRandom(1),
    onChange: (change) => void told.push(change),
    onDeath: (reason) => expect.unreachable(reason),
  });
  afterAll(() => bfd.configure([]));
  const put = (peer: BfdPeer): Promise<void> => bfd.configure([...peers.set(peer.address, peer).values()]);
  const remove = (address: Address): Promise<void> => {
    peers.delete(address);
    return bfd.configure([...peers.values()]);
  };

  function watch(context: TestContext, address: Address) {
    context.onTestFinished(() => remove(address));
    const changes = (): BfdChange[] => told.filter((change) => change.address === address);
    return {
      changes,
      view: (): BfdSessionView | undefined => bfd.state().views.find((view) => view.address === address),
      /** The next change to that state of those that come after `act`. */
      async next(to: State, act: () => unknown): Promise<BfdChange> {
        const from = changes().length;
        await act();
        const found = () =>
          changes()
            .slice(from)
            .find((change) => change.to === to);
        await eventually(`${to}; told: ${JSON.stringify(changes())}`, () => found() !== undefined, DEADLINE_MS);
        return found() as BfdChange;
      },
    };
  }

  const folderOf = (context: TestContext): string => {
    const folder = mkdtempSync(join(tmpdir(), "ecmp-bfd-"));
    context.onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };

  interface Wish extends Partial<BfdPlan> {
    readonly ipv6?: boolean;
    readonly timers?: Partial<BfdTimers>;
  }

  async function establish(context: TestContext, number: number, daemon: BfdDaemon, { ipv6, timers, ...wish }: Wish) {
    const { host, ours, theirs } = await connect(number);
    const family = ipv6 ? 1 : 0;
    const plan: BfdPlan = {
      ...{ ours: ours[family], theirs: theirs[family], intervalMs: 100, multiplier: MULTIPLIER, multihop: false, echo: false },
      ...wish,
      folder: folderOf(context),
    };
    const program = startBfdDaemon(daemon, host, plan);
    context.onTestFinished(() => void program.child.kill("SIGKILL"));
    const { multihop } = plan;
    const peer: BfdPeer = {
      address: parse(plan.theirs),
      localAddress: parse(plan.ours),
      ...{ multihop, minimumTtl: multihop ? daemon.multihopTtl : 255, timers: timersOf(plan.intervalMs, timers) },
    };
    const watched = watch(context, peer.address);
    const failed = program.ended.then(({ stderr }) => Promise.reject(new Error(`${daemon.name} has ended: ${stderr}`)));
    failed.catch(() => undefined);
    await Promise.race([watched.next("Up", () => put(peer)), failed]);
    const detectionMs = plan.multiplier * plan.intervalMs;
    await eventually("settled", () => watched.view()?.detectionTimeMs === detectionMs, DEADLINE_MS);
    return { ...watched, host, plan, peer, program };
  }

  const cut = (host: Host): void => {
    for (const words of ["add table inet cut", "add chain inet cut out { type filter hook output priority 0 ; policy drop ; }"])
      host.run(`nft ${words}`);
  };
  const mend = (host: Host): void => void host.run("nft delete table inet cut");

  const isTimely = (change: BfdChange, detectionMs: number): void => {
    expect(change).toMatchObject({ from: "Up", to: "Down", diagnostic: 1, detectionTimeMs: detectionMs });
    expect(change.silentMs).toBeGreaterThanOrEqual(detectionMs);
    expect(change.silentMs).toBeLessThan(detectionMs + SLACK_MS);
  };

  describe.concurrent("a path", () => {
    let number = 0;
    for (const daemon of BFD_DAEMONS) {
      for (const ipv6 of [false, true]) {
        const cable = ++number;
        each(daemon, `over IPv${ipv6 ? 6 : 4}: up, silent, frozen, switched off, and ended by us`, async (context) => {
          const { host, plan, peer, program, next, view } = await establish(context, cable, daemon, { ipv6 });
          const theirs = { state: "Up", minTxMs: 100, minRxMs: 100, multiplier: MULTIPLIER };
          expect(view()).toMatchObject({ state: "Up", transmitIntervalMs: 100, remote: theirs });
          expect(daemon.isUp(daemon.show(plan))).toBe(true);

          isTimely(await next("Down", () => cut(host)), 300);
          await next("Up", () => mend(host));
          await eventually("settled", () => view()?.detectionTimeMs === 300, DEADLINE_MS);
          isTimely(await next("Down", () => program.child.kill("SIGSTOP")), 300);
          await next("Up", () => program.child.kill("SIGCONT"));

          const off = await next("Down", () => daemon.switchOff(plan));
          expect(off).toMatchObject(daemon.saysOff ? { diagnostic: 3, remoteState: "AdminDown" } : { diagnostic: 1 });
          await next("Up", () => daemon.switchOn(plan));

          await remove(peer.address);
          await eventually("they know", () => !daemon.isUp(daemon.show(plan)), DEADLINE_MS);
        });
      }
      const far = ++number;
      each(daemon, "over many hops", async (context) => {
        const { host, next } = await establish(context, far, daemon, { multihop: true });
        isTimely(await next("Down", () => cut(host)), 300);
      });
      const waiting = ++number;
      each(daemon, "that we wait for; slower from then on, without a loss", async (context) => {
        // Slow enough that a daemon that waits for a processor is not taken for a loss.
        const { view, peer, changes } = await establish(context, waiting, daemon, { intervalMs: 400, timers: { passive: true } });
        await put({ ...peer, timers: timersOf(800, { passive: true }) });
        const isSlower = () => view()?.detectionTimeMs === MULTIPLIER * 800 && view()?.transmitIntervalMs === 800;
        await eventually("slower", isSlower, DEADLINE_MS);
        expect(changes().filter(({ to }) => to === "Down")).toEqual([]);
      });
    }
  });

  /**
   * Where the machine takes the processor away for 30 ms, that is a loss as good as any, so who cannot stay up at 10 ms may at
   * more. The main thread does nothing for many detection times of each, so who waits for it stays up at none.
   */
  test("a path stays up while the main thread does nothing, at 10 ms x 3 if the machine lets it", {
    timeout: 120_000,
  }, async (context) => {
    const [daemon] = BFD_DAEMONS.filter(({ programs }) => programs.every((program) => existsSync(program)));
    if (!daemon) return context.skip("no BFD daemon is installed");
    const { view, changes, peer } = await establish(context, 40, daemon, { intervalMs: 10, realTime: true });
    for (const intervalMs of [10, 10, 10, 10, 10, 30, 100, 300]) {
      await put({ ...peer, timers: timersOf(intervalMs) });
      const detectionMs = MULTIPLIER * intervalMs;
      await eventually("up", () => view()?.state === "Up" && view()?.detectionTimeMs === detectionMs, DEADLINE_MS);
      const [received, told] = [view()?.received ?? 0, changes().length];
      const blockedMs = 15 * detectionMs;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blockedMs);
      // At three quarters of an interval and more they come; half of those that may have come in the time are proof of it.
      await eventually("a later view", () => (view()?.received ?? 0) >= received + blockedMs / intervalMs / 2, DEADLINE_MS);
      if (changes().length === told) return void (await context.annotate(`stayed up at ${intervalMs} ms x ${MULTIPLIER}`));
    }
    expect.unreachable(`lost at every interval: ${JSON.stringify(changes())}`);
  });

  test.for([
    { family: "IPv4", index: 0, number: 42 },
    { family: "IPv6", index: 1, number: 43 },
  ])(
    "over $family a neighbor's echo goes back as it came, a hop older, and nobody else's",
    async ({ index, number }, context) => {
      const { ours } = await connect(number);
      const address = parse(ours[index]);
      watch(context, address);
      await put({ address, multihop: false, minimumTtl: 255, timers: timersOf(1000, { passive: true, minEchoRxMs: 50 }) });
      const before = bfd.state().drops.echo;
      const stranger = parse(index === 0 ? "127.0.0.1" : "::1");
      const [near, far, other] = [
        new DatagramSocket({ address, port: 0 }, 255),
        new DatagramSocket({ address, port: 0 }, 254),
        new DatagramSocket({ address: stranger, port: 0 }, 255),
      ];
      const words = new TextEncoder().encode("any bytes of theirs");
      far.send(words, { address, port: 3785 });
      other.send(words, { address, port: 3785 });
      await eventually("dropped", () => bfd.state().drops.echo === before + 2);
      near.send(words, { address, port: 3785 });
      await eventually("back", () => {
        const echo = near.receive();
        return echo !== undefined && echo.ttl === 254 && Buffer.from(echo.bytes).equals(words);
      });
      expect([far.receive(), other.receive()]).toEqual([undefined, undefined]);
      for (const socket of [near, far, other]) socket.close();
    },
  );

  test("what comes from too far away is dropped and counted", async (context) => {
    const { ours } = await connect(41);
    const address = parse(ours[0]);
    const { view } = watch(context, address);
    const before = bfd.state().drops.ttl;
    await put({ address, multihop: false, minimumTtl: 255, timers: timersOf(1000, { passive: true }) });
    const packet = encodeControl({
      ...{ diagnostic: 0, state: "Down", poll: false, final: false, independent: false, demand: false, multiplier: 3 },
      ...{ myDiscriminator: 1, yourDiscriminator: 0, desiredMinTxUs: 1e6, requiredMinRxUs: 1e6, requiredMinEchoRxUs: 0 },
    });
    const [far, near] = [254, 255].map((ttl) => new DatagramSocket({ address, port: 0 }, ttl));
    far.send(packet, { address, port: 3784 });
    await eventually("counted", () => bfd.state().drops.ttl === before + 1);
    expect(view()).toMatchObject({ state: "Down", received: 0 });
    near.send(packet, { address, port: 3784 });
    await eventually("heard", () => (view()?.received ?? 0) > 0);
    for (const socket of [far, near]) socket.close();
  });
});

function each(daemon: BfdDaemon, name: string, play: (context: TestContext) => Promise<void>): void {
  const missing = daemon.programs.find((program) => !existsSync(program));
  if (missing) test.skip(`${daemon.name}: ${missing} is not installed`, () => undefined);
  else test(`${daemon.name} ${name}`, { timeout: 90_000 }, play);
}
