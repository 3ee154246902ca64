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
import { CommandError, print, printJson } from "./output.ts";

export function runCommand(): Command {
  return new Command("run")
    .description("run the router in this network namespace (needs CAP_NET_RAW and CAP_NET_ADMIN)")
    .argument("<file>", "configuration file (YAML)")
    .option("--control <socket>", "where `ecmp show` asks", process.env.ECMP_CONTROL ?? DEFAULT_CONTROL_SOCKET)
    .option("--json", "print events as JSON lines on stdout")
    .action(run);
}

async function run(file: string, options: { control: string; json?: boolean }): Promise<void> {
  const config = loadConfig(file);
  if (config.ports.length === 0) throw new CommandError(`${file}: ports: [], wanted at least one port to forward on`);
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

  const stop = async (): Promise<void> => {
    process.off("SIGHUP", reload);
    await router.configure(undefined);
    await control.close();
    process.exitCode = 0;
  };
  const reload = (): void => {
    try {
      router.configure(loadConfig(file)).catch(stopBecause);
    } catch (error) {
      // The old configuration stays in force.
      process.stderr.write(`${(error as Error).message}\n`);
    }
  };
  const stopBecause = (error: Error): void => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
    void control.close();
  };

  try {
    await router.configure(config);
  } catch (error) {
    await control.close();
    throw new CommandError((error as Error).message);
  }
  process.once("SIGTERM", () => void stop());
  process.once("SIGINT", () => void stop());
  process.on("SIGHUP", reload);
  if (!options.json) print("ready");
}

function formatEvent({ time, kind, atMs: _, ...details }: { time: string; kind: string; atMs: number }): string {
  const words = Object.entries(details).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [time, kind, ...words].join(" ");
}
