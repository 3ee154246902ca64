import { defineConfig } from "vitest/config";
import { Summary } from "./summary.ts";

/** Tests that fill the machine: real speakers, real traffic, workers. One after the other, so that none starves another. */
const WIRE = [
  "test/forward/**",
  "test/native/**",
  "test/lab/**",
  "test/port/flow-programs.test.ts",
  "test/port/packet-ring.test.ts",
  "test/port/pcap-live.test.ts",
  "test/port/*-kernel.test.ts",
  "test/speaker/daemons.test.ts",
  "test/speaker/features.test.ts",
  "test/speaker/protection.test.ts",
  "test/bfd/daemons.test.ts",
  "test/conform/speakers.test.ts",
];

// The tests run against the built `dist`: Node 20 workers load no TypeScript, so this is what users run.
const shared = {
  root: new URL("..", import.meta.url).pathname,
  // A fault in the addon ends a fork, not the run.
  pool: "forks" as const,
  setupFiles: ["test/seed.ts"],
  testTimeout: 20_000,
  hookTimeout: 60_000,
  server: { deps: { external: [/\/dist\//] } },
};

export default defineConfig({
  test: {
    reporters: ["default", new Summary()],
    projects: [
      {
        test: {
          ...shared,
          name: "logic",
          include: ["test/**/*.test.ts"],
          exclude: WIRE,
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...shared,
          name: "wire",
          include: WIRE.map((path) => path.replace("**", "**/*.test.ts")),
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
