/**
 * A Docker engine of a test's own: one that builds the images where packages can be had, and one in private namespaces that
 * runs them, so that nothing of it is ever seen outside. Both keep their data in the same folder, which goes with the engine.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAMS = ["dockerd", "docker", "docker-compose", "debootstrap", "unshare"];
const START_DEADLINE_MS = 60_000;

/** Why there can be no engine here, or nothing. */
export async function missingForEngine(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "root";
  const missing = PROGRAMS.filter((program) => {
    try {
      execFileSync("sh", ["-c", `command -v ${program}`]);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length > 0) return missing.join(", ");
  const folder = new EngineFolder();
  try {
    await (await folder.startRunner()).stop();
  } catch {
    return "an engine that starts";
  } finally {
    folder.remove();
  }
}

export class EngineFolder {
  readonly path = mkdtempSync(join(tmpdir(), "ecmp-engine-"));

  /** Reaches what this machine reaches, and touches neither its links nor its packet filter. */
  startBuilder = (): Promise<Engine> => this.#start([], ["--bridge=none", "--iptables=false", "--ip6tables=false"]);

  /** On a network of its own, with nothing outside. */
  startRunner = (): Promise<Engine> => this.#start(["--net"], []);

  /** A file beside the engine's own; its path. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** In mount and process namespaces of its own, whose end is that of everything in them. */
  async #start(namespaces: readonly string[], options: readonly string[]): Promise<Engine> {
    const run = mkdtempSync(join(this.path, "run-"));
    const host = `unix://${run}/docker.sock`;
    const places = ["--data-root", `${this.path}/data`, "--exec-root", `${run}/exec`, "--pidfile", `${run}/pid`, "-H", host];
    const within = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", ...namespaces, "--"];
    const child = spawn("unshare", [...within, "dockerd", ...places, ...options], { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    // Told by the engine itself when it listens.
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`dockerd does not listen after ${START_DEADLINE_MS / 1000} s:\n${said}`)),
        START_DEADLINE_MS,
      );
      child.on("exit", (code) => reject(new Error(`dockerd ended (${code}):\n${said}`)));
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-4000);
        if (!said.includes("API listen on")) return;
        clearTimeout(late);
        resolve();
      });
    });
    child.removeAllListeners("exit");
    return new Engine(child, host);
  }
}

export class Engine {
  readonly #child: ChildProcess;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(child: ChildProcess, host: string) {
    this.#child = child;
    this.#environment = { ...process.env, DOCKER_HOST: host, DOCKER_BUILDKIT: "0", COMPOSE_PROJECT_NAME: "test" };
  }

  /** What the command printed, on both streams; an exit code other than 0 is an error with it. */
  run(command: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(command[0], command.slice(1), { env: { ...this.#environment, ...environment } });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          said += text;
        });
      }
      child.on("error", reject);
      child.on("close", (code) => (code === 0 ? resolve(said) : reject(new Error(`${command.join(" ")}: ${code}\n${said}`))));
    });
  }

  /** Follows the log of a container until a line has `wanted` in it. */
  untilLogged(container: string, wanted: string, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn("docker", ["logs", "--follow", container], { env: this.#environment });
      let said = "";
      const end = (error?: Error) => {
        clearTimeout(late);
        child.kill();
        if (error) reject(error);
        else resolve();
      };
      const late = setTimeout(() => end(new Error(`${container} did not say "${wanted}":\n${said}`)), deadlineMs);
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          said += text;
          if (said.includes(wanted)) end();
        });
      }
      child.on("close", () => end(said.includes(wanted) ? undefined : new Error(`${container} ended:\n${said}`)));
    });
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once("close", resolve));
    // unshare lets no SIGTERM through.
    this.#child.kill("SIGKILL");
    await closed;
  }
}
