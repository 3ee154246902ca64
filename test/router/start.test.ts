/** The running router begins: whoever gets an answer of it, at the control socket or as "ready", finds it listening. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { askOnce } from "#src/commands/control-client.ts";
import { ECMP, type Program, start } from "../common/host.ts";
import { createCable, inNamespace, run } from "../common/namespace.ts";
import { eventually } from "../speaker/recorder.ts";

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-start-"));
  const control = join(folder, "control.sock");
  let router: Program;
  afterAll(() => {
    router.child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  /** Whether somebody listens there, or the error's name. */
  const dial = (port: number): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("connect", () => resolve("listens"));
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      socket.once("connect", () => socket.destroy());
    });

  test("the first answer at the control socket comes when BGP listens", { timeout: 60_000 }, async () => {
    run("ip link set lo up");
    createCable("port0", "far");
    const file = join(folder, "router.yaml");
    writeFileSync(file, "{ports: [{interface: port0}], bgp: {asn: 65000, routerId: 10.0.0.1}}");
    router = start([process.execPath, ECMP, "run", file, "--control", control]);
    const early = await dial(179);
    let answer: unknown;
    await eventually(
      "an answer",
      async () => {
        answer = await askOnce(control, { show: ["bgp", "summary"] }).catch(() => undefined);
        return answer !== undefined;
      },
      30_000,
    );
    expect([early, await dial(179)]).toEqual(["ECONNREFUSED", "listens"]);
    expect(answer).toMatchObject({ as: 65000 });
    expect(await router.line()).toBe("ready");
  });

  test("a reload says what it could not put in force", { timeout: 60_000 }, () => {
    const file = join(folder, "router.yaml");
    const reload = (journal: string) => {
      const text = `{ports: [{interface: port0}], bgp: {asn: 65000, routerId: 10.0.0.1}, journal: {file: ${journal}}}`;
      writeFileSync(file, text);
      const words = [ECMP, "reload", "--control", control];
      const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
      return { status, stdout, stderr };
    };
    const said = `reloaded ${file}\n`;
    expect(reload(join(folder, "journal"))).toEqual({ status: 0, stdout: said, stderr: "" });
    expect(reload(folder)).toMatchObject({ status: 2, stderr: expect.stringContaining("that is a folder") });
    // Nobody makes files there.
    expect(reload("/proc/journal")).toEqual({
      status: 1,
      stdout: said,
      stderr: expect.stringMatching(/journal: E.*wanted a file that can/),
    });
    const nowhere = reload(join(folder, "nowhere", "journal"));
    expect(nowhere).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining(`there is no folder ${folder}/nowhere`),
    });
    expect(reload(join(folder, "journal"))).toEqual({ status: 0, stdout: said, stderr: "" });
  });
});
