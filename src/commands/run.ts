/**
 * `ecmp run FILE`: the router, in this network namespace, until SIGTERM or SIGINT. SIGHUP reads the file again.
 */
import { Command } from "commander";
import { systemClock } from "../net/clock.ts";
import { entropySeed, seededRandom } from "../net/random.ts";
import { DEFAULT_CONTROL_SOCKET, serveControl } from "../router/control.ts";
import { createRouter } from "../router/router.ts";
import { answerShow } from "../router/show.ts";
import { loadConfig } from "./config-file.ts";
import { CommandError, EXIT, print, printJson, whenOutputIsClosed } from "./output.ts";
import { formatEvent } from "./show-text.ts";

export function runCommand(): Command {
  return new Command("run")
    .description("run the router in this network namespace (needs CAP_NET_RAW and CAP_NET_ADMIN)")
    .argument("<file>", "configuration file (YAML)")
    .option("--control <socket>", "where `ecmp show` asks", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET)
    .option("--json", "print events as JSON lines on stdout")
    .action(run);
}

export async function run(file: string, options: { control: string; json?: boolean }): Promise<void> {
  const config = loadConfig(file);
  if (config.ports.length === 0) throw new CommandError(`${file}: ports: [], wanted at least one port to forward on`);
  // A log that nobody reads any more is no reason to stop forwarding.
  whenOutputIsClosed(() => {});
  const router = createRouter({ clock: systemClock, random: seededRandom(entropySeed()) });
  router.events.follow((event) => {
    if (options.json) printJson(event);
    else process.stderr.write(`${formatEvent(event)}\n`);
  });
  const control = await serveControl(options.control, {
    answer: ({ show }) => answerShow(router, show),
    follow(_, send) {
      for (const event of router.events.past()) send(event);
      return router.events.follow(send);
    },
  }).catch((error: Error) => {
    throw new CommandError(`--control: ${error.message}`);
  });

  const end = async (code: number): Promise<never> => {
    await control.close();
    process.exit(code);
  };
  const fail = (error: Error): void => {
    process.stderr.write(`${error.message}\n`);
    if (!router.isRunning()) void end(EXIT.couldNotRun);
  };
  const stop = (): void => void router.configure(undefined).then(() => end(EXIT.done), fail);
  const reload = (): void => {
    try {
      // Whatever cannot be put in force leaves the old configuration where it is.
      router.configure(loadConfig(file)).catch(fail);
    } catch (error) {
      fail(error as Error);
    }
  };
  // From here on, whenever it comes: what is asked for during a start waits for its end.
  process.on("SIGTERM", stop).on("SIGINT", stop).on("SIGHUP", reload);
  await router.configure(config).then(() => (options.json ? undefined : print("ready")), fail);
}
