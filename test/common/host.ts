/** Hosts around the namespace of a test: each a network namespace of its own on one end of a cable, with programs run in it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createCable, run } from "./namespace.ts";

export const ECMP = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));

/** What `ecmp show` says of the router behind this control socket. */
export const showOf =
  (control: string) =>
  // biome-ignore lint/suspicious/noExplicitAny: the test that asks knows the shape, and fails where it is another.
  (...words: string[]): any =>
    JSON.parse(
      spawnSync(process.execPath, [ECMP, "show", ...words, "--json", "--control", control], { encoding: "utf8" }).stdout,
    );

/** A program started by a test: its lines as they come, and its end. */
export interface Program {
  readonly child: ChildProcess;
  /** The next line on stdout; rejects when the program ends without one. */
  line(): Promise<string>;
  /** Resolves when stderr, from this call on, holds what is wanted. */
  said(wanted: RegExp): Promise<void>;
  /** Exit code (or signal) and everything on stderr. */
  readonly ended: Promise<{ readonly code: number | string; readonly stderr: string }>;
}

export function start(command: readonly string[]): Program {
  const child = spawn(command[0], command.slice(1), { stdio: ["ignore", "pipe", "pipe"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let stderr = "";
  const waiting = new Set<() => void>();
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
    for (const look of waiting) look();
  });
  const ended = new Promise<{ code: number | string; stderr: string }>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code: code ?? signal ?? "none", stderr }));
  });
  return {
    child,
    ended,
    said: (wanted) =>
      new Promise((resolve, reject) => {
        const from = stderr.length;
        const look = (): void => {
          if (!wanted.test(stderr.slice(from))) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        void ended.then(({ code }) =>
          reject(new Error(`${command.join(" ")}: ended with ${code}, wanted ${wanted}; it said: ${stderr}`)),
        );
      }),
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${command.join(" ")}: ended, wanted a line; it said: ${stderr}`);
      return value;
    },
  };
}

export class Host {
  private readonly holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.holder = holder;
  }

  /** A host whose interface `eth0` is the other end of the cable at our interface `port`. */
  static async create(port: string, address: string, gateway: string): Promise<Host> {
    const end = `h-${port}`;
    createCable(end, port);
    const holder = start(["unshare", "--net", "sh", "-c", "echo there; exec sleep 600"]);
    await holder.line();
    run(`ip link set dev ${end} netns ${holder.child.pid} name eth0`);
    const host = new Host(holder.child);
    for (const words of [
      `link set lo up`,
      `addr add ${address} dev eth0`,
      `link set eth0 up`,
      `route add default via ${gateway}`,
    ]) {
      host.run(`ip ${words}`);
    }
    return host;
  }

  /** IPv6 on the cable at our interface `port`, at both ends, with addresses that need not be waited for. */
  enableIpv6(port: string, address: string, gateway: string): void {
    const own = `/proc/sys/net/ipv6/conf/${port}`;
    writeFileSync(`${own}/disable_ipv6`, "0");
    run(`ip addr add ${gateway}/64 dev ${port} nodad`);
    this.run("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0");
    this.run(`ip addr add ${address}/64 dev eth0 nodad`);
    this.run(`ip route add default via ${gateway}`);
  }

  run(command: string): string {
    return run(`nsenter --target ${this.holder.pid} --net ${command}`);
  }

  /** What the program printed, however it ended. */
  ask(command: string): string {
    const words = `nsenter --target ${this.holder.pid} --net ${command}`.split(" ");
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    const { error, stdout, stderr } = spawnSync(words[0], words.slice(1), { encoding: "utf8", env });
    if (error) throw error;
    return stdout + stderr;
  }

  start(command: readonly string[]): Program {
    return start(["nsenter", "--target", `${this.holder.pid}`, "--net", ...command]);
  }

  end(): void {
    this.holder.kill("SIGKILL");
  }
}
