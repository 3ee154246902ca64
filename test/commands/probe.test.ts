/** `ecmp probe` without a network: what it says of what it cannot do. What it finds out is in test/forward/probe.test.ts. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { ECMP } from "../common/host.ts";
import { useFolder } from "./command.ts";

const FLOW = "udp 10.0.1.2:33434 198.51.100.10:53";

/** As on a machine where the package was not built. */
const WITHOUT_PACKAGE = `
const Module = require("node:module");
const resolve = Module._resolveFilename;
Module._resolveFilename = (name, ...rest) => {
  if (name === "raw-socket") throw new Error("Cannot find module 'raw-socket'");
  return resolve(name, ...rest);
};`;

const { save } = useFolder("probe");
const probe = (words: readonly string[], node: readonly string[] = []) =>
  spawnSync(process.execPath, [...node, ECMP, "probe", ...words], { encoding: "utf8" });

test("without the package it says what is missing, and that it could not run", () => {
  const { status, stdout, stderr } = probe(["--flow", FLOW], ["--require", save("without.cjs", WITHOUT_PACKAGE)]);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(
    /^probe: cannot load the package raw-socket: Cannot find module 'raw-socket'; wanted it .*Node 22 or older/,
  );
});

test.each([
  ["no flow", [], "probe: no flow, wanted --flow"],
  [
    "a protocol that nobody answers",
    ["--flow", "gre 10.0.1.2 10.0.1.3"],
    "probe: gre 10.0.1.2 10.0.1.3, wanted tcp, udp, icmp or icmp6",
  ],
  [
    "ports of what has none",
    ["--flow", "icmp 10.0.1.2 10.0.1.3", "--source-ports", "2"],
    "has no ports, wanted --source-ports 1",
  ],
  [
    "ports above the last",
    ["--flow", FLOW, "--source-ports", "40000"],
    "40000 source ports from 33434 on, wanted none above 65535",
  ],
  ["two protocols", ["--flow", FLOW, "--flow", "tcp 10.0.1.2:1 10.0.1.3:2"], "wanted one protocol and family at a time"],
])("says what is wrong with %s", (_, words, said) => {
  const { status, stderr } = probe(words);
  expect(status).toBe(2);
  expect(stderr).toContain(said);
});
