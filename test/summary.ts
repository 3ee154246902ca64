/**
 * The end of a test run: what was skipped, by name, and one line that counts. In CI a skipped test that `skips.ts` does not
 * allow is a failure.
 */
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { ALLOWED_SKIPS } from "./skips.ts";

export class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string): TestCase[] => tests.filter((test) => test.result().state === state);
    const skipped = inState("skipped");
    const brokenModules = modules.filter(
      (module) => module.errors().length > 0 || (module.state() === "failed" && module.children.size === 0),
    );
    const unexpected = skipped.filter((test) => !ALLOWED_SKIPS.some((allowed) => test.fullName.startsWith(allowed.test)));
    for (const test of skipped) {
      const reason = ALLOWED_SKIPS.find((allowed) => test.fullName.startsWith(allowed.test))?.reason;
      console.log(`skipped: ${test.module.relativeModuleId}: ${test.fullName}${reason ? ` (${reason})` : ""}`);
    }
    const isStrict = process.env.CI !== undefined;
    if (isStrict && unexpected.length > 0) {
      console.log(`${unexpected.length} skipped tests are not in test/skips.ts, wanted none in CI`);
      process.exitCode = 1;
    }
    const failed = inState("failed").length + brokenModules.length + (isStrict ? unexpected.length : 0);
    console.log(`\ntests: ${inState("passed").length} passed, ${failed} failed, ${skipped.length} skipped`);
  }
}
