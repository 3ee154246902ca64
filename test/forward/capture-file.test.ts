/**
 * A router over nothing but files, without any privilege: a trace goes in, and what leaves is what a replay of the trace forecasts,
 * frame by frame, and what a router owes each packet, byte by byte. And one with an interface beside its files: packets of a
 * trace reach a real host, and its answers are written.
 *
 *   in.pcap -- trace [router] out -- out.pcapng (10.0.11.2 to .4, who are nowhere)
 *   follow.pcap, answers.pcapng -- trace [router] port1 -- 10.0.12.2 (198.51.100.10)
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { accountedFor } from "../common/counters.ts";
import { ECMP, Host, type Program, showOf, start } from "../common/host.ts";
import { inNamespace, run } from "../common/namespace.ts";
import { until } from "../common/until.ts";
import { CLIENT_MAC, makePacket, type TestPacket } from "../dataplane/packets.ts";
import { slowChecksum } from "../oracle/checksum.ts";
import { makePcap } from "../pcap/captures.ts";

const OTHER_ROUTER = "02000000aa01";
const OUR_MAC = "060000000001";
const SERVICE = "198.51.100.10";
const HOST_PORT = 7;

const ECHO = `
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (bytes, from) => socket.send(bytes, from.port, from.address));
socket.bind(${HOST_PORT}, "${SERVICE}", () => console.log("listening"));`;

/** Every packet of a pcap or pcapng file of ours, in hex; read with nothing of the product. */
function framesOf(file: string): string[] {
  const bytes = readFileSync(file);
  const frames: string[] = [];
  if (bytes.readUInt32LE(0) === 0xa1b2c3d4)
    for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8))
      frames.push(bytes.toString("hex", at + 16, at + 16 + bytes.readUInt32LE(at + 8)));
  else
    for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4))
      if (bytes.readUInt32LE(at) === 6) frames.push(bytes.toString("hex", at + 28, at + 28 + bytes.readUInt32LE(at + 20)));
  return frames;
}

/** What a router that sends to `mac` makes of a frame: nothing else of it is another. */
function routed(frame: Buffer, mac: string): string {
  const sent = Buffer.concat([Buffer.from(mac + OUR_MAC, "hex"), frame.subarray(12)]);
  sent[22]--;
  sent.writeUInt16BE(0, 24);
  sent.writeUInt16BE(slowChecksum(sent.subarray(14, 34)), 24);
  return sent.toString("hex");
}

const arp = (operation: number, ...addresses: string[]): Buffer =>
  Buffer.from(`ffffffffffff${CLIENT_MAC}0806000108000604000${operation}${addresses.join("")}`, "hex");

await inNamespace(import.meta.url, () => {
  const folder = mkdtempSync(join(tmpdir(), "ecmp-trace-"));
  const file = (name: string): string => join(folder, name);
  const show = showOf(file("control"));
  const running: Program[] = [];
  const hosts: Host[] = [];

  const startRouter = async (config: string, ...before: string[]): Promise<Program> => {
    writeFileSync(file("router.yaml"), config);
    const router = start([...before, process.execPath, ECMP, "run", file("router.yaml"), "--control", file("control")]);
    running.push(router);
    expect(await router.line()).toBe("ready");
    return router;
  };
  const stopRouter = async (router: Program): Promise<void> => {
    router.child.kill("SIGTERM");
    expect((await router.ended).code).toBe(0);
  };

  afterAll(() => {
    for (const { child } of running) child.kill("SIGKILL");
    for (const host of hosts) host.end();
    rmSync(folder, { recursive: true });
  });

  test("what leaves is what a replay forecasts, and what explain says, and every frame is accounted for", {
    timeout: 60_000,
  }, async () => {
    const packets = Array.from(
      { length: 3000 },
      (_, i): TestPacket => ({
        to: OTHER_ROUTER,
        destination: i % 10 === 0 ? "203.0.113.9" : `198.51.100.${i % 7}`,
        sourcePort: 1024 + (i % 400),
        protocol: i % 3 === 0 ? 17 : 6,
        payloadBytes: i % 1400,
        // Refused: these are owed an error, which the trace's own side gets.
        ttl: i % 100 === 99 ? 1 : 64,
      }),
    );
    const frames = packets.map(makePacket);
    const question = arp(1, CLIENT_MAC, "0a000102", "000000000000", "0a000101");
    const broken = Buffer.alloc(16, 0xff);
    const trace = makePcap([{ bytes: question }, ...frames.map((bytes) => ({ bytes }))]);
    writeFileSync(file("in.pcap"), Buffer.concat([trace, broken]));
    const config = `
ports:
  - {interface: trace, kind: capture-file, read: {file: ${file("in.pcap")}, pace: fastest}, write: ${file("back.pcapng")}, addresses: [10.0.1.1/24]}
  - {interface: out, kind: capture-file, write: ${file("out.pcapng")}, addresses: [10.0.11.1/24]}
routes: [{prefix: 198.51.100.0/24, nextHops: [{address: 10.0.11.2}, {address: 10.0.11.3}, {address: 10.0.11.4, weight: 2}]}]
ecmp: {selector: {name: resilient, buckets: 64}}
workers: 2
`;
    const router = await startRouter(config, "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs");
    const offset = trace.length + 8;
    until("the trace is over", () => show("ports")[0].files.read.problem !== null);
    const counters = show("counters");
    const ports = show("ports");
    const events = spawnSync(process.execPath, [ECMP, "show", "events", "--json", "--control", file("control")], {
      encoding: "utf8",
    });
    const said = spawnSync(process.execPath, [ECMP, "show", "ports", "--control", file("control")], { encoding: "utf8" }).stdout;
    await stopRouter(router);

    expect(ports[0].files.read).toEqual({
      file: file("in.pcap"),
      state: "failed",
      problem: `offset ${offset}: packet of 4294967295 bytes, wanted at most 262144`,
    });
    expect(said).toContain(`trace: capture-file, reads ${file("in.pcap")}: failed, offset ${offset}`);
    // The event has the same word for it.
    const ofTheTrace = events.stdout.match(/.*"interface":"trace".*/g)?.filter((line) => line.includes(file("in.pcap")));
    expect(ofTheTrace?.map((line) => JSON.parse(line).state)).toEqual(["reading", "failed"]);
    const forwarded = packets.flatMap(({ destination, ttl }, i) =>
      destination?.startsWith("198") && ttl === 64 ? [frames[i]] : [],
    );
    expect(counters).toMatchObject({ received: 3001, forwarded: forwarded.length, punted: { arp: 1 } });
    expect(accountedFor(counters)).toBe(counters.received);
    expect(ports.map((port: { counters: object }) => port.counters)).toMatchObject([
      { receivedFrames: 3001, receiveDrops: 0 },
      { transmittedFrames: forwarded.length, transmitErrors: 0 },
    ]);

    // What replay forecasts, by next hop: the same bytes in the same order.
    const replayed = spawnSync(
      process.execPath,
      [ECMP, "replay", "--config", file("router.yaml"), "--in", file("in.pcap"), "--out", file("forecast")],
      { encoding: "utf8" },
    );
    expect([replayed.status, replayed.stderr]).toEqual([2, expect.stringContaining(`offset ${offset}`)]);
    const left = framesOf(file("out.pcapng"));
    const forecasts = readdirSync(file("forecast")).sort();
    expect(forecasts).toEqual(["10.0.11.2.pcap", "10.0.11.3.pcap", "10.0.11.4.pcap"]);
    const macs = forecasts.map((_, i) => `02000a000b0${i + 2}`);
    for (const [i, forecast] of forecasts.entries())
      expect(left.filter((frame) => frame.startsWith(macs[i]))).toEqual(framesOf(join(file("forecast"), forecast)));
    // What a router owes a packet, whoever says so.
    expect(left).toEqual(forwarded.map((frame, i) => routed(frame, left[i].slice(0, 12))));
    // And explain, for flows of the trace.
    const flows = packets.slice(0, 60).filter(({ destination, ttl }) => destination?.startsWith("198") && ttl === 64);
    const csv = flows.map(({ protocol, destination, sourcePort }) => `${protocol},10.0.1.2,${sourcePort},${destination},80`);
    writeFileSync(file("flows.csv"), `protocol,src,srcPort,dst,dstPort\n${csv.join("\n")}\n`);
    const explained = execFileSync(
      process.execPath,
      [ECMP, "explain", "--config", file("router.yaml"), "--flows", file("flows.csv"), "--json"],
      { encoding: "utf8" },
    );
    const nextHops = explained
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).nextHop);
    expect(nextHops).toEqual(left.slice(0, flows.length).map((frame) => `10.0.11.${Number.parseInt(frame.slice(10, 12), 16)}`));

    // The router answers for itself, as it would on a wire: who asked for it, and who is owed an error.
    const back = framesOf(file("back.pcapng"));
    expect(back).toContain(`${CLIENT_MAC}${OUR_MAC}08060001080006040002${OUR_MAC}0a000101${CLIENT_MAC}0a000102`);
    expect(back.filter((frame) => frame.slice(24, 28) === "0800").length).toBeGreaterThan(10);
  });

  test("with next hops behind other routes, its file says what the router does, live", { timeout: 60_000 }, async () => {
    const destinations = [
      ...["198.51.100.1", "198.51.101.1", "198.51.102.1", "198.51.103.1", "203.0.113.1", "192.0.2.9"],
      ...["10.0.1.1", "10.0.11.1", "10.0.11.77", "10.0.1.77", "10.0.11.200"],
    ];
    const packets = Array.from(
      { length: 1100 },
      (_, i): TestPacket => ({
        to: OTHER_ROUTER,
        destination: destinations[i % destinations.length],
        sourcePort: 1024 + i,
        protocol: 17,
      }),
    );
    writeFileSync(file("in.pcap"), makePcap(packets.map((packet) => ({ bytes: makePacket(packet) }))));
    const router = await startRouter(`
ports:
  - {interface: trace, kind: capture-file, read: {file: ${file("in.pcap")}, pace: fastest}, write: ${file("back.pcapng")}, addresses: [10.0.1.1/24]}
  - {interface: out, kind: capture-file, write: ${file("out.pcapng")}, addresses: [10.0.11.1/24, 10.0.11.3/24]}
routes:
  - {prefix: 198.51.100.0/24, nextHops: [{address: 192.0.2.1, weight: 2}, {address: 10.0.11.4}]}
  - {prefix: 192.0.2.0/24, nextHops: [{address: 203.0.113.7}, {address: 10.0.11.5, weight: 3}]}
  - {prefix: 203.0.113.0/24, nextHops: [{address: 10.0.11.6}, {address: 10.0.11.7}]}
  - {prefix: 198.51.101.0/24, nextHops: [{address: 100.64.0.1}]}
  - {prefix: 198.51.102.0/24, nextHops: [{address: 10.0.11.8}]}
  - {prefix: 198.51.103.0/24, nextHops: [{address: 198.51.103.7}]}
  - {prefix: 10.0.11.192/26, action: blackhole}
  - {prefix: 10.0.11.0/24, nextHops: [{address: 10.0.1.9}]}
ecmp: {selector: {name: resilient, buckets: 64}}
`);
    until("the trace is over", () => accountedFor(show("counters")) === packets.length);
    const csv = packets.map(({ destination, sourcePort }) => `udp,10.0.1.2,${sourcePort},${destination},80`);
    writeFileSync(file("flows.csv"), `protocol,src,srcPort,dst,dstPort\n${csv.join("\n")}\n`);
    const ecmp = (...words: string[]) => {
      const { stdout, stderr } = spawnSync(process.execPath, [ECMP, ...words], { encoding: "utf8" });
      return { stdout, stderr };
    };
    const explain = (...by: string[]) => ecmp("explain", ...by, "--flows", file("flows.csv"), "--json");
    const live = explain("--live", "--control", file("control"));
    const counters = show("counters");
    await stopRouter(router);

    const unused = [
      "100.64.0.1 is not used: no route to next hop (a default does not count)",
      "198.51.103.7 is not used: next hop behind a loop of routes",
    ];
    const warnings = unused.map((text) => `warning: ${file("router.yaml")}: next hop ${text}\n`).join("");
    expect(explain("--config", file("router.yaml"))).toEqual({ stdout: live.stdout, stderr: warnings });
    const fates = new Set(
      live.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).fate),
    );
    expect([...fates].sort()).toEqual(["attached", "blackhole", "forwarded", "local", "no-route"]);

    const replayed = ecmp(
      "replay",
      "--config",
      file("router.yaml"),
      "--in",
      file("in.pcap"),
      "--out",
      file("recursive"),
      "--json",
    );
    const report = JSON.parse(replayed.stdout);
    const attached = packets.filter(({ destination }) => /^10\..*\.77$/.test(destination ?? "")).length;
    // Whoever is attached is asked for once in a router that runs, and has a made-up MAC.
    expect(report.slow).toEqual({ neighbor: attached });
    expect(counters.forwarded + counters.slow.neighbor).toBe(report.forwarded + attached);
    expect(counters.punted.local).toBe(report.punted);
    for (const [reason, dropped] of Object.entries(report.dropped)) expect(counters.dropped[reason]).toBe(dropped);
    const left = framesOf(file("out.pcapng"));
    const forecasts = readdirSync(file("recursive")).sort();
    expect(forecasts).toEqual([4, 5, 6, 7, 8].map((last) => `10.0.11.${last}.pcap`));
    for (const forecast of forecasts) {
      const mac = `02000a000b0${forecast.split(".")[3]}`;
      expect(left.filter((frame) => frame.startsWith(mac))).toEqual(framesOf(join(file("recursive"), forecast)));
    }
  });

  test("a reload to files that cannot be written is refused, and changes nothing", { timeout: 60_000 }, async () => {
    const portsWith = (back: string, out: string): string => `
ports:
  - {interface: trace, kind: capture-file, read: {file: ${file("later.pcap")}, follow: true}, write: ${back}, addresses: [10.0.1.1/24]}
  - {interface: out, kind: capture-file, write: ${out}, addresses: [10.0.11.1/24]}
`;
    const [closed, full, fixed] = ["closed", "full", "fixed"].map(file);
    for (const folder of [closed, full]) mkdirSync(folder);
    const [back, out] = [join(full, "back.pcapng"), file("out.pcapng")];
    const router = await startRouter(portsWith(back, out), "setpriv", "--bounding-set=-all", "--inh-caps=-all");
    const reload = () => spawnSync(process.execPath, [ECMP, "reload", "--control", file("control")], { encoding: "utf8" });
    const states = () => show("ports").map(({ files, counters }: Record<string, object>) => ({ files, counters }));
    writeFileSync(file("later.pcap"), makePcap([{ bytes: makePacket({ to: OTHER_ROUTER }) }]));
    until("a frame has come", () => show("ports")[0].counters.receivedFrames === 1);
    const before = states();

    writeFileSync(join(full, "old.pcapng"), "somebody's");
    writeFileSync(fixed, "", { mode: 0o400 });
    for (const folder of [closed, full]) chmodSync(folder, 0o500);
    const cannot = (port: number, path: string) =>
      `ports[${port}].write: EACCES: permission denied, access '${path}', wanted a file`;
    for (const [wanted, problems] of [
      [portsWith(join(closed, "back"), out), [cannot(0, closed)]],
      // What is there would be put aside.
      [portsWith(join(full, "old.pcapng"), fixed), [cannot(0, full), cannot(1, fixed)]],
    ] as const) {
      writeFileSync(file("router.yaml"), wanted);
      const { status, stderr } = reload();
      expect([status, ...stderr.trim().split("\n")]).toEqual([2, ...problems.map((text) => expect.stringContaining(text))]);
      expect(states()).toEqual(before);
    }
    expect([readdirSync(closed), readdirSync(full)]).toEqual([[], ["back.pcapng", "old.pcapng"]]);

    // What it writes already is open, whatever has become of the folder.
    writeFileSync(file("router.yaml"), `${portsWith(back, out)}routes: [{prefix: 198.51.100.0/24, action: blackhole}]\n`);
    expect(reload()).toMatchObject({ status: 0, stderr: "" });
    expect(states()).toEqual(before);
    writeFileSync(file("router.yaml"), portsWith(file("new.pcapng"), out));
    expect(reload()).toMatchObject({ status: 0, stderr: "" });
    expect(show("ports")[0].files.write).toEqual({ file: file("new.pcapng"), problem: null });
    await stopRouter(router);
  });

  test("a trace goes to a real host, and what that answers is written, whole", { timeout: 60_000 }, async () => {
    run("ip link set lo up");
    const host = await Host.create("port1", "10.0.12.2/24", "10.0.12.1");
    hosts.push(host);
    run("ip addr add 10.0.12.1/24 dev port1");
    host.run(`ip addr add ${SERVICE}/32 dev lo`);
    const echo = host.start([process.execPath, "-e", ECHO]);
    running.push(echo);
    expect(await echo.line()).toBe("listening");
    const router = await startRouter(`
ports:
  - {interface: trace, kind: capture-file, read: {file: ${file("follow.pcap")}, follow: true}, write: ${file("answers.pcapng")},
     addresses: [10.0.1.1/24], mac: "${OTHER_ROUTER.match(/../g)?.join(":")}", neighbors: [{address: 10.0.1.2, mac: "02:00:00:00:00:c1"}]}
  - {interface: port1}
routes: [{prefix: ${SERVICE}/32, nextHops: [{address: 10.0.12.2}]}]
`);
    until("the host is known", () =>
      show("neighbors").some(({ address, state }: Record<string, string>) => address === "10.0.12.2" && state === "reachable"),
    );
    const packets = Array.from(
      { length: 100 },
      (_, i): TestPacket => ({ to: OTHER_ROUTER, protocol: 17, sourcePort: 2000 + i, destinationPort: HOST_PORT }),
    );
    const frames = packets.map((packet) => {
      const frame = makePacket(packet);
      // UDP's length, and no checksum.
      frame.set([0, frame.length - 34, 0, 0], 38);
      return frame;
    });
    const notOurs = makePacket({ to: "02000000bb01", protocol: 17 });
    writeFileSync(file("made.pcap"), makePcap([...frames, notOurs].map((bytes) => ({ bytes }))));
    // It begins when it is there.
    renameSync(file("made.pcap"), file("follow.pcap"));
    until("all is answered", () => show("ports")[0].counters.transmittedFrames === 100);
    const counters = show("counters");
    expect(counters.dropped).toEqual({ ...counters.dropped, "other-host": 1 });
    expect(accountedFor(counters)).toBe(counters.received);
    expect(show("ports")[0]).toMatchObject({
      kind: "capture-file",
      state: "up",
      mac: "02:00:00:00:aa:01",
      files: { read: { state: "reading", problem: null } },
    });
    await stopRouter(router);
    const answers = framesOf(file("answers.pcapng")).map((hex) => Buffer.from(hex, "hex"));
    const toPorts = answers.map((answer) => answer.readUInt16BE(36)).sort((a, b) => a - b);
    expect(toPorts).toEqual(packets.map(({ sourcePort }) => sourcePort));
    for (const answer of answers) {
      expect(answer.toString("hex", 0, 12)).toBe(CLIENT_MAC + OTHER_ROUTER);
      // The host left it to its device, of which there is none here.
      const pseudoHeader = Buffer.concat([answer.subarray(26, 34), Buffer.from([0, 17]), answer.subarray(38, 40)]);
      expect(slowChecksum(Buffer.concat([pseudoHeader, answer.subarray(34)]))).toBe(0);
    }
  });
});
