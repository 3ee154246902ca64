/**
 * The files that a configuration names, looked at before it is put in force: passwords are put in their places, and where the
 * journal is to be written there must be a folder, what a port reads must be there, and no file is written by two. Looking is the
 * caller's; what is wrong is a mistake of the configuration like any other.
 */
import type { z } from "zod";
import { isPassword, LONGEST_PASSWORD_BYTES } from "./password.ts";

export interface NamedFiles {
  /** The text of a file, or in words what is wrong with it. */
  read(file: string): { readonly text: string } | { readonly problem: string };
  /** In words, why there is no such file to be read, if there is none. */
  absence(file: string): string | undefined;
  /** In words, why nobody can write such a file, if nobody can. */
  obstacle(file: string): string | undefined;
  /** One name for all the spellings of a file that is written. */
  identify(file: string): string;
}

const LISTS = ["neighbors", "dynamicNeighbors"] as const;

interface Protected {
  readonly passwordFile?: string | undefined;
  password?: string | undefined;
}
interface Naming {
  readonly bgp?: { readonly neighbors: readonly Protected[]; readonly dynamicNeighbors: readonly Protected[] } | undefined;
  readonly journal?: { readonly file: string } | undefined;
  readonly ports: readonly {
    readonly tap?: { readonly file: string } | undefined;
    readonly read?: { readonly file: string; readonly follow: boolean } | undefined;
    readonly write?: { readonly file: string } | undefined;
  }[];
}

/** A check of the schema's, so that what it finds is said together with what others find; it writes passwords into the value. */
export const lookAtFiles =
  (files: NamedFiles) =>
  ({ bgp, journal, ports }: Naming, context: z.core.$RefinementCtx<Naming>): void => {
    const refuse = (path: (string | number)[], wanted: string) =>
      context.addIssue({ code: "custom", path, message: `wanted ${wanted}` });
    for (const list of LISTS) {
      for (const [i, one] of bgp?.[list].entries() ?? []) {
        if (one?.passwordFile === undefined || one.password !== undefined) continue;
        const found = passwordIn(files.read(one.passwordFile));
        if ("password" in found) one.password = found.password;
        else refuse(["bgp", list, i, "passwordFile"], found.wanted);
      }
    }
    const obstacle = journal && files.obstacle(journal.file);
    if (obstacle !== undefined) refuse(["journal", "file"], `a file that can be written; ${obstacle}`);
    const writers = new Map(journal ? [[files.identify(journal.file), "the journal"]] : []);
    for (const [i, { read, ...written }] of ports.entries()) {
      for (const name of ["tap", "write"] as const) {
        const named = written[name];
        if (!named) continue;
        const file = files.identify(named.file);
        const writer = writers.get(file);
        if (writer === undefined) writers.set(file, name === "tap" ? `the tap of ports[${i}]` : `ports[${i}]`);
        else refuse(["ports", i, name, "file"], `a file of its own; ${writer} writes this one`);
      }
      const missing = read && !read.follow ? files.absence(read.file) : undefined;
      if (missing !== undefined) refuse(["ports", i, "read", "file"], `a file that can be read; ${missing}`);
      else if (read && written.write && files.identify(read.file) === files.identify(written.write.file))
        refuse(["ports", i, "write", "file"], "another file than the one that this port reads");
    }
  };

function passwordIn(found: ReturnType<NamedFiles["read"]>): { password: string } | { wanted: string } {
  if ("problem" in found) return { wanted: `a file that can be read; ${found.problem}` };
  const [password] = found.text.split(/\r?\n/);
  return isPassword(password)
    ? { password }
    : { wanted: `a file whose first line is a password, 1 to ${LONGEST_PASSWORD_BYTES} bytes` };
}
