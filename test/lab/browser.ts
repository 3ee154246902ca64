/**
 * Debian's Chromium, without a window, driven through its own protocol over a pipe (JSON and a zero byte each way). It starts
 * with an empty profile and resolves no names; what a page asks for and what it complains about is recorded.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Readable, Writable } from "node:stream";

const CHROMIUM = "/usr/bin/chromium";
export const hasChromium = existsSync(CHROMIUM);

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--host-resolver-rules=MAP * ~NOTFOUND",
  "--remote-debugging-pipe",
];

export interface View {
  readonly width: number;
  readonly scheme: "light" | "dark";
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export class Browser {
  /** Addresses of what the page asked for, and its exceptions, console messages and log entries. */
  readonly requests: string[] = [];
  readonly complaints: string[] = [];
  readonly #profile = mkdtempSync(`${tmpdir()}/ecmp-chromium-`);
  readonly #process: ChildProcess;
  readonly #answers = new Map<number, { resolve(result: Record<string, unknown>): void; reject(error: Error): void }>();
  readonly #loads: (() => void)[] = [];
  #nextId = 1;
  #session: string | undefined;

  private constructor() {
    const stdio = ["ignore", "ignore", "ignore", "pipe", "pipe"] as const;
    this.#process = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${this.#profile}`, "about:blank"], { stdio: [...stdio] });
    const fail = () => {
      for (const { reject } of this.#answers.values()) reject(new Error("Chromium ended before it answered"));
    };
    this.#process.on("exit", fail).on("error", fail);
    let rest = "";
    (this.#process.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop() ?? "";
      for (const message of messages) this.#take(JSON.parse(message) as Message);
    });
  }

  static async start(): Promise<Browser> {
    const browser = new Browser();
    const { targetId } = await browser.#ask("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.#ask("Target.attachToTarget", { targetId, flatten: true });
    browser.#session = sessionId as string;
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await browser.#ask(`${domain}.enable`);
    return browser;
  }

  async open(url: string, { width, scheme }: View): Promise<void> {
    await this.#ask("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: false });
    await this.#ask("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    const loaded = new Promise<void>((resolve) => this.#loads.push(resolve));
    await this.#ask("Page.navigate", { url });
    await loaded;
  }

  /** The value of an expression, evaluated in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.#ask("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  /** The whole page as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#ask("Page.captureScreenshot", { captureBeyondViewport: true });
    return Buffer.from(data as string, "base64");
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#session = undefined;
    void this.#ask("Browser.close").catch(() => {});
    await ended;
    rmSync(this.#profile, { recursive: true, maxRetries: 5 });
  }

  #ask(method: string, params: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    const message = { id, method, params, ...(this.#session && { sessionId: this.#session }) };
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify(message)}\0`);
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
  }

  #take({ id, method, params, result, error }: Message): void {
    if (id !== undefined) {
      const answer = this.#answers.get(id);
      this.#answers.delete(id);
      if (error) answer?.reject(new Error(error.message));
      else answer?.resolve(result ?? {});
    }
    if (method === "Page.loadEventFired") this.#loads.shift()?.();
    if (method === "Network.requestWillBeSent") this.requests.push((params as { request: { url: string } }).request.url);
    if (method === "Runtime.exceptionThrown" || method === "Runtime.consoleAPICalled" || method === "Log.entryAdded") {
      this.complaints.push(JSON.stringify(params));
    }
  }
}
