/** The disk under a journal: slow, broken, or full of older files, it costs a count and never the router. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeText } from "#src/bgp/bytes.ts";
import { frame } from "#src/bgp/framer.ts";
import type { SessionRecord } from "#src/mrt/record.ts";
import { readRecording } from "#src/mrt/recording.ts";
import { RotatingFile } from "#src/port/rotating-file.ts";
import { Journal } from "#src/speaker/journal.ts";
import { run } from "../common/namespace.ts";
import { address, eventually } from "../speaker/recorder.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ecmp-journal-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const RECORD: SessionRecord = {
  kind: "message",
  atMicroseconds: 0,
  peer: address("127.0.5.2"),
  peerAsn: 65001,
  local: address("127.0.5.1"),
  localAsn: 65000,
  direction: "received",
  asnSize: 4,
  addPath: false,
  message: frame(2, new Uint8Array(4000)),
};

describe("a disk that does not keep up", () => {
  test("costs a bounded queue and a count of what was lost", async () => {
    const file = join(folder, "fifo");
    run(`mkfifo ${file}`);
    const journal = new Journal(() => undefined);
    await journal.configure({ file, format: "mrt", maximumMegabytes: 1000, files: 2 });
    for (let i = 0; i < 6000; i++) journal.record(RECORD);
    const { records, bytes, lost } = journal.state() as NonNullable<ReturnType<Journal["state"]>>;
    expect(records + lost).toBe(6000);
    expect(bytes).toBeLessThanOrEqual(16 * 2 ** 20);
    expect(bytes + 4100).toBeGreaterThan(16 * 2 ** 20);
    // When somebody reads, all that was taken is there.
    let read = 0;
    const reading = (async () => {
      for await (const batch of readRecording(file)) read += batch.length;
    })();
    await journal.configure(undefined);
    await reading;
    expect(read).toBe(records);
  });

  test("and one that fails is told of once, and the records after it are counted as lost", async () => {
    const problems: string[] = [];
    const journal = new Journal((_, problem) => problems.push(problem));
    await journal.configure({ file: join(folder, "none", "journal"), format: "json", maximumMegabytes: 1, files: 2 });
    journal.record(RECORD);
    await eventually("it has failed", () => problems.length > 0);
    journal.record(RECORD);
    journal.record(RECORD);
    expect(journal.state()).toMatchObject({ lost: 2, problem: expect.stringContaining("ENOENT") });
    await journal.configure(undefined);
    expect(problems.length).toBe(1);
  });
});

test("no record is longer than its file has to be, and none is torn", async () => {
  const file = join(folder, "rotated");
  const lines = Array.from({ length: 500 }, (_, i) => `${"x".repeat(i % 40)} ${i}\n`);
  const rotating = new RotatingFile({
    file,
    maximumBytes: 1000,
    files: 100,
    preamble: () => [encodeText("begins\n")],
    onFailure: () => undefined,
  });
  for (const line of lines) expect(rotating.write(encodeText(line))).toBe(true);
  await rotating.close();
  const names = readdirSync(folder).sort((a, b) => Number(b.split(".")[1] ?? 0) - Number(a.split(".")[1] ?? 0));
  const texts = names.map((name) => readFileSync(join(folder, name), "utf8"));
  expect(texts.every((text) => text.startsWith("begins\n") && text.length <= 1000)).toBe(true);
  expect(texts.map((text) => text.slice("begins\n".length)).join("")).toBe(lines.join(""));
});
