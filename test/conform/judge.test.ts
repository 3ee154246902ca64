/** The verdicts, on speakers whose manners are known: that a check passes whom it should, and nobody else. */
import { describe, expect, onTestFinished, test } from "vitest";
import { MESSAGE } from "#src/bgp/iana.ts";
import { ALL_CHECKS, CHECK_GROUPS } from "#src/conform/catalog.ts";
import type { Result } from "#src/conform/check.ts";
import { type Judgment, judge } from "#src/conform/judge.ts";
import { Transcript } from "#src/conform/transcript.ts";
import { parseAddress } from "#src/net/address.ts";
import { systemClock } from "#src/net/clock.ts";
import { type Manners, notify, ScriptedSpeaker, SPEAKER_ASN } from "./scripted-speaker.ts";

async function judgeOf(manners: Manners, ...names: string[]): Promise<Judgment | string> {
  const speaker = await ScriptedSpeaker.start(manners);
  onTestFinished(() => speaker.end());
  return await judge({
    checks: ALL_CHECKS.filter(({ check }) => names.includes(check.name)),
    us: { peer: { address: parseAddress("127.0.0.1") ?? 0, port: speaker.port }, localAsn: 65000, remoteAsn: SPEAKER_ASN },
    lanes: [],
    deadlineMs: 10_000,
    clock: systemClock,
    onResult: () => undefined,
  });
}

async function verdictOf(name: string, manners: Manners): Promise<Result> {
  const judgment = await judgeOf(manners, name);
  if (typeof judgment === "string") throw new Error(judgment);
  return judgment.results[0];
}

const dumb: Manners = {};
const onGarbage = (code: number, subcode: number, data: readonly number[] = []): Manners => ({
  onGarbage: (socket) => notify(socket, code, subcode, data),
});
const onUpdate = (answer: (socket: Parameters<typeof notify>[0]) => void): Manners => ({
  onMessage: (socket, type) => type === MESSAGE.update && answer(socket),
});

describe.concurrent("a check that wants a NOTIFICATION", () => {
  test.each([
    ["the right one", onGarbage(1, 3, [99]), "pass", "NOTIFICATION 1/3 Message Header Error/Bad Message Type"],
    ["the right one without its data", onGarbage(1, 3), "warn", /not with data 63/],
    ["another of the same code", onGarbage(1, 2), "warn", /1\/2 .*, 1\/3 .* wanted/],
    ["another code", onGarbage(6, 0), "fail", /6\/0 Cease, 1\/3 .* wanted/],
    ["no NOTIFICATION but the end", { onGarbage: (socket) => socket.end() } satisfies Manners, "fail", /without a NOTIFICATION/],
    ["nothing, and the session goes on", dumb, "fail", "it took no notice"],
  ] as const)("%s", async (_, manners, verdict, saw) => {
    const result = await verdictOf("bad-type", manners);
    expect(result).toMatchObject({ verdict, saw: typeof saw === "string" ? saw : expect.stringMatching(saw) });
    const sent = result.evidence.find(({ text }) => text === "a message of type 99");
    expect(sent?.hex).toBe(`${"ff".repeat(16)}001363`);
  });
});

describe.concurrent("a check that wants the session to live", () => {
  test.each([
    ["it lives", dumb, "pass", "the session lives"],
    ["it ends it with a NOTIFICATION", onUpdate((socket) => notify(socket, 3, 5)), "fail", /3\/5 .*Attribute Length Error/],
    ["it closes it", onUpdate((socket) => socket.end()), "fail", "it closed the connection"],
    ["it sends garbage", onUpdate((socket) => socket.write("GET / HTTP/1.1\r\n\r\n")), "fail", "it sent what is no BGP message"],
  ] as const)("%s", async (_, manners, verdict, saw) => {
    const result = await verdictOf("origin-length", manners);
    expect(result).toMatchObject({ verdict, saw: typeof saw === "string" ? saw : expect.stringMatching(saw) });
  });
});

describe.concurrent("other verdicts", () => {
  test("a hold timer that is not enforced", async () => {
    expect(await verdictOf("hold-timer-enforced", dumb)).toMatchObject({
      verdict: "fail",
      saw: expect.stringMatching(/enforce/),
    });
  });

  test("KEEPALIVEs that come too often", async () => {
    expect(await verdictOf("hold-time-negotiated", dumb)).toMatchObject({
      verdict: "warn",
      saw: "more often than once a second",
    });
  });

  test("without an observer, what it passes on does not apply", async () => {
    expect(await verdictOf("route-passed-on", dumb)).toMatchObject({ verdict: "not-applicable" });
  });

  test("without its own connections, what it does with them does not apply", async () => {
    expect(await verdictOf("attempts-damped", dumb)).toMatchObject({ verdict: "not-applicable", saw: "needs --listen" });
  });

  test("a speaker that dies of a message is told as gone", async () => {
    const speakers: ScriptedSpeaker[] = [];
    const dying: Manners = { onGarbage: () => speakers[0].end() };
    const speaker = await ScriptedSpeaker.start(dying);
    speakers.push(speaker);
    const judgment = await judge({
      checks: ALL_CHECKS.filter(({ check }) => check.name === "bad-type"),
      us: { peer: { address: parseAddress("127.0.0.1") ?? 0, port: speaker.port }, localAsn: 65000, remoteAsn: SPEAKER_ASN },
      lanes: [],
      deadlineMs: 10_000,
      clock: systemClock,
      onResult: () => undefined,
    });
    expect(judgment).toMatchObject({
      results: [{ verdict: "fail", saw: expect.stringMatching(/without a NOTIFICATION, and was gone$/) }],
    });
  });

  test("what is no BGP speaker is not judged", async () => {
    const greeting = new TextEncoder().encode("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    expect(await judgeOf({ greeting }, "bad-type")).toBe("it sent what is no BGP message");
  });
});

describe("the table of checks", () => {
  test("has a name for each, once, and words for all", () => {
    const names = ALL_CHECKS.map(({ check }) => check.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { check } of ALL_CHECKS) {
      expect(check.name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(check.clause).toMatch(/^RFC \d{4}/);
      expect(check.wanted).not.toBe("");
      expect(check.steps.length).toBeGreaterThan(1);
    }
    expect(CHECK_GROUPS.every(({ checks }) => checks.length > 0)).toBe(true);
  });
});

describe("the evidence", () => {
  test("is bounded, and says how much is not in it", () => {
    const transcript = new Transcript(systemClock);
    for (let count = 0; count < 1000; count++) transcript.add("received", "UPDATE", new Uint8Array(4096));
    const entries = transcript.entries();
    expect(entries).toHaveLength(81);
    expect(entries.at(-1)?.text).toBe("and 920 more");
    expect(JSON.stringify(entries).length).toBeLessThan(80_000);
  });
});
