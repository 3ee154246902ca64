/** How `ecmp run` ends, whatever it is asked for meanwhile: it answers, leaves nothing behind, and says by its exit code why. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { ECMP, start } from "../common/host.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { RawPeer } from "../speaker/raw-peer.ts";
import { address } from "../speaker/recorder.ts";

const TIMEOUT = { timeout: 60_000 };

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-run-"));
  const control = join(folder, "control.sock");
  const file = join(folder, "router.yaml");
  beforeAll(() => {
    run("ip link set lo up");
    createCable("port0", "far");
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const configure = (listen = "") => {
    const neighbors = "neighbors: [{address: 127.0.0.2, remoteAsn: 65001, passive: true}]";
    writeFileSync(file, `{ports: [{interface: port0}], bgp: {asn: 65000, routerId: 10.0.0.1, ${neighbors}${listen}}}`);
  };

  const begin = (...options: string[]) => {
    configure();
    const router = start([process.execPath, ECMP, "run", file, "--control", control, ...options]);
    onTestFinished(() => void router.child.kill("SIGKILL"));
    return router;
  };

  /** Nobody at the control socket, and the kernel forwards again. */
  const expectNothingLeft = () => expect([existsSync(control), run("nft list ruleset")]).toEqual([false, ""]);

  /** A router that has begun to stop, and waits as long as a peer may take to close its side: this one does not. */
  const stopping = async () => {
    const router = begin();
    expect(await router.line()).toBe("ready");
    const peer = RawPeer.dial(address("127.0.0.2"), address("127.0.0.1"), 179, { allowHalfOpen: true });
    onTestFinished(() => void peer.socket.destroy());
    await peer.hears("open");
    router.child.kill("SIGTERM");
    await peer.hears("notification");
    return router;
  };

  test("where metrics cannot be served it says so and does not stay", TIMEOUT, async () => {
    const { code, stderr } = await begin("--metrics", "192.0.2.1:9179").ended;
    expect([code, stderr]).toEqual([2, expect.stringContaining("wanted an address of this machine and a free port")]);
    expectNothingLeft();
  });

  test("asked to read its file again while it stops, it says that it stops", TIMEOUT, async () => {
    const router = await stopping();
    await expect(askOnce(control, { reload: true })).rejects.toThrow("the router is stopping");
    expect((await router.ended).code).toBe(0);
    expectNothingLeft();
  });

  test("a file that has become wrong by then does not shorten the stop", TIMEOUT, async () => {
    const router = await stopping();
    writeFileSync(file, "ports: 1");
    router.child.kill("SIGHUP");
    expect((await router.ended).code).toBe(0);
    expectNothingLeft();
  });

  test("after a reload that fails half-way it tells who asked, and does not stay without forwarding", TIMEOUT, async () => {
    const router = begin();
    expect(await router.line()).toBe("ready");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(1790, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    configure(", listen: {address: 127.0.0.1, port: 1790}");
    await expect(askOnce(control, { reload: true })).rejects.toThrow("Address already in use");
    expect((await router.ended).code).toBe(2);
    expectNothingLeft();
  });
});
