/**
 * What a lab says when it cannot go on: where, what was found, what was wanted, and what to do about it. Everything that is
 * the user's or the machine's to mend is thrown as this; any other error is a fault of ours and keeps its stack.
 */
export class LabFailure extends Error {
  override readonly name = "LabFailure";

  constructor(where: string, found: string, wanted: string, advice?: string) {
    super(`${where}: ${found}\n  wanted  ${wanted}${advice ? `\n  to do   ${advice.replaceAll("\n", "\n          ")}` : ""}`);
  }
}
