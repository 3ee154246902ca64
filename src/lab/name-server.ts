/**
 * A name server of a lab: dnsmasq on one of its hosts, which gives each name the address of the service that it leads to, for as
 * many seconds as the lab file says. A step of a timeline moves a name to another service; who asks from then on is told so.
 */
import { writeFile } from "node:fs/promises";
import { formatAddress } from "../net/address.ts";
import type { Clock } from "../net/clock.ts";
import { hostAddresses, type Lab, type LabName, type Service, serviceNamed } from "./lab.ts";
import type { Place } from "./place.ts";
import { Daemon, mergeOutput } from "./process.ts";
import { requirePrograms } from "./stage.ts";

const READ_DEADLINE_MS = 20_000;
/** What dnsmasq says when it has taken the names of its file. */
const HAS_READ = /dnsmasq.*: read /;

export class NameServer {
  readonly #clock: Clock;
  readonly #file: string;
  readonly #services: Map<string, Service>;
  readonly #daemon: Daemon;

  private constructor(clock: Clock, file: string, services: Map<string, Service>, daemon: Daemon) {
    this.#clock = clock;
    this.#file = file;
    this.#services = services;
    this.#daemon = daemon;
  }

  /** All names are those of one host. */
  static async start(clock: Clock, lab: Lab, names: readonly LabName[], place: Place, directory: string): Promise<NameServer> {
    await requirePrograms({ dnsmasq: "dnsmasq-base" });
    const [{ server, ttlSeconds }] = names;
    const file = `${directory}/${server}-names`;
    const services = new Map(names.map(({ name, service }) => [name, serviceNamed(lab, service)]));
    await writeFile(file, renderNames(services));
    const options = [
      // Neither a daemon of its own nor another user: what changes its user fails in a user namespace.
      "--no-daemon",
      "--conf-file=/dev/null",
      "--no-resolv",
      "--no-hosts",
      "--bind-interfaces",
      "--log-facility=-",
      `--listen-address=${formatAddress(hostAddresses(lab, server).address.address)}`,
      `--addn-hosts=${file}`,
      `--local-ttl=${ttlSeconds}`,
    ];
    const daemon = await Daemon.start(`${server}'s dnsmasq`, place(mergeOutput(["dnsmasq", ...options])));
    await daemon.untilLine(HAS_READ, clock, READ_DEADLINE_MS);
    return new NameServer(clock, file, services, daemon);
  }

  knows = (name: string): boolean => this.#services.has(name);

  /** Done when whoever asks is told the new address. */
  async move(name: string, service: Service): Promise<void> {
    this.#services.set(name, service);
    await writeFile(this.#file, renderNames(this.#services));
    const read = this.#daemon.untilLine(HAS_READ, this.#clock, READ_DEADLINE_MS);
    this.#daemon.kill("SIGHUP");
    await read;
  }

  stop = (clock: Clock): Promise<unknown> => this.#daemon.stop(clock);
}

const renderNames = (services: ReadonlyMap<string, Service>): string =>
  [...services].map(([name, { address }]) => `${formatAddress(address)} ${name}\n`).join("");
