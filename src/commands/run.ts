/**
 * `ecmp run FILE`: the router, in this network namespace, until SIGTERM or SIGINT. SIGHUP and `ecmp reload` read the file again.
 */
import { dirname } from "node:path";
import { Command } from "commander";
import type { Config } from "../config/schema.ts";
import { formatAddress } from "../net/address.ts";
import { systemClock } from "../net/clock.ts";
import { parseEndpoint } from "../net/flow.ts";
import { entropySeed, seededRandom } from "../net/random.ts";
import { becomeUser } from "../port/privileges.ts";
import { answerFault } from "../router/answer-fault.ts";
import { DEFAULT_CONTROL_SOCKET, serveControl } from "../router/control.ts";
import { createRouter, type Router } from "../router/router.ts";
import { type ScrapeServer, serveScrapes } from "../router/scrape.ts";
import { answerShow } from "../router/show.ts";
import { loadConfigWithFiles } from "./config-file.ts";
import { CommandError, EXIT, print, printJson, whenOutputFails } from "./output.ts";
import type { ReloadAnswer } from "./reload.ts";
import { formatEvent } from "./show-text.ts";

export function runCommand(): Command {
  return new Command("run")
    .description("run the router in this network namespace (needs CAP_NET_RAW and CAP_NET_ADMIN, but for ports over files alone)")
    .argument("<file>", "configuration file (YAML)")
    .option("--control <socket>", "where `ecmp show` asks", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET)
    .option("--metrics <address>", "serve /metrics, /livez and /readyz there: 127.0.0.1:9179, or [::]:9179")
    .option("--user <name>", "as root: give everything up but what a router needs, and be this user")
    .option("--json", "print events as JSON lines on stdout")
    .action(run);
}

interface RunOptions {
  readonly control: string;
  readonly metrics?: string;
  readonly user?: string;
  readonly json?: boolean;
}

export async function run(file: string, options: RunOptions): Promise<void> {
  if (file === "-") throw new CommandError("-: the standard input, wanted a file that SIGHUP can read again");
  const config = loadConfigWithFiles(file);
  if (options.user !== undefined) beUser(options.user, options.control, config);
  if (config.ports.length === 0) throw new CommandError(`${file}: ports: [], wanted at least one port to forward on`);
  // A log that nobody reads any more is no reason to stop forwarding.
  whenOutputFails(() => {});
  const router = createRouter({ clock: systemClock, random: seededRandom(entropySeed()) });
  router.events.follow((event) => {
    if (options.json) printJson(event);
    else process.stderr.write(`${formatEvent(event)}\n`);
  });
  let isEnding = false;
  /** Whatever cannot be put in force leaves the old configuration where it is. Who ends does not begin again. */
  const reload = async (): Promise<void> => {
    if (isEnding) throw new CommandError("the router is stopping, wanted one that runs");
    await router.configure(loadConfigWithFiles(file));
  };
  let begun = (): void => {};
  const begin = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const control = await serveControl(options.control, {
    answer: async (request) => {
      // An answer says that the router forwards and listens.
      await begin;
      if ("show" in request) return answerShow(router, request.show);
      if ("fault" in request) return answerFault(router, request.fault);
      await reload().catch((error: Error) => {
        // Who asked is answered before.
        if (!router.isRunning()) setImmediate(fail, error);
        throw error;
      });
      await router.filesSettled();
      return { value: { reloaded: file, problems: problemsOf(router) } satisfies ReloadAnswer };
    },
    follow(_, send) {
      for (const event of router.events.past()) send(event);
      return router.events.follow(send);
    },
  }).catch(({ code, message }: NodeJS.ErrnoException) => {
    const isClosed = code === "EACCES" || code === "EROFS";
    throw new CommandError(`--control: ${message}${isClosed ? ", wanted a folder that the router may write in" : ""}`);
  });

  const closeControl = async (error: Error): Promise<never> => {
    await control.close();
    throw error;
  };
  const scrapes = options.metrics === undefined ? undefined : await openScrapes(router, options.metrics).catch(closeControl);

  const exit = async (code: number): Promise<never> => {
    await control.close();
    await scrapes?.close();
    process.exit(code);
  };
  /** After all that was asked for before, so that nothing is left half begun. */
  const end = (code: number): void => {
    isEnding = true;
    void router.configure(undefined).then(
      () => exit(code),
      (error: Error) => {
        fail(error);
        return exit(EXIT.couldNotRun);
      },
    );
  };
  const fail = (error: Error): void => {
    process.stderr.write(`${error.message}\n`);
    if (!router.isRunning() && !isEnding) end(EXIT.couldNotRun);
  };
  const stop = (): void => end(EXIT.done);
  // From here on, whenever it comes: what is asked for during a start waits for its end.
  process
    .on("SIGTERM", stop)
    .on("SIGINT", stop)
    .on("SIGHUP", () => void reload().catch(fail));
  await router.configure(config).then(() => {
    begun();
    if (!options.json) print("ready");
  }, fail);
}

/** What a configuration that is in force does not get. */
function problemsOf(router: Router): string[] {
  const files = [
    { where: "journal", problem: router.journal()?.problem },
    ...router
      .dataplane()
      .ports()
      .flatMap(({ port, tap, files }) => [
        { where: `ports[${port}].tap`, problem: tap?.problem },
        { where: `ports[${port}].write`, problem: files?.write?.problem },
      ]),
  ];
  return files.flatMap(({ where, problem }) => (problem ? [`${where}: ${problem}, wanted a file that can be written`] : []));
}

/** The configuration says what that takes; that user reads it once more, as he must be able to. */
function beUser(user: string, controlSocket: string, config: Config): void {
  try {
    becomeUser(user, [dirname(controlSocket)], config);
  } catch (error) {
    throw new CommandError(`--user: ${(error as Error).message}`);
  }
}

async function openScrapes(router: Router, text: string): Promise<ScrapeServer> {
  const endpoint = parseEndpoint(text);
  if (!endpoint?.port) throw new CommandError(`--metrics: "${text}", wanted an address and a port: 127.0.0.1:9179`);
  const { address, port } = endpoint;
  return await serveScrapes(router, { address: formatAddress(address), port }).catch((error: Error) => {
    throw new CommandError(`--metrics: ${error.message}, wanted an address of this machine and a free port`);
  });
}
