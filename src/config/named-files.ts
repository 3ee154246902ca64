/**
 * The files that a configuration names, looked at before it is put in force: passwords are put in their places, and where the
 * journal or a port is to write there must be a folder, what a port reads must be there and stay there, and nobody writes what
 * is another's, or the configuration itself. Looking is the caller's; what is wrong is a mistake of the configuration like any other.
 */
import type { z } from "zod";
import { isPassword, LONGEST_PASSWORD_BYTES } from "./password.ts";

export interface NamedFiles {
  /** The configuration's own name. */
  readonly configuration: string;
  /** The text of a file, or in words what is wrong with it. */
  read(file: string): { readonly text: string } | { readonly problem: string };
  /** In words, why that is no file to be read, if it is none. One that may come later need not be there. */
  absence(file: string, mayCome: boolean): string | undefined;
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
interface Written {
  readonly file: string;
  /** As many, with those that were put aside. */
  readonly files: number;
}
interface Naming {
  readonly bgp?: { readonly neighbors: readonly Protected[]; readonly dynamicNeighbors: readonly Protected[] } | undefined;
  readonly journal?: Written | undefined;
  readonly ports: readonly {
    readonly tap?: Written | undefined;
    readonly read?: { readonly file: string; readonly follow: boolean } | undefined;
    readonly write?: Written | undefined;
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
    const writers = writersOf(files, { journal, ports });
    const configuration = files.identify(files.configuration);
    const putsAside = putAsideBy(files, configuration, writers);
    for (const [i, writer] of writers.entries()) {
      const { path, identity, written } = writer;
      // A tap comes and goes while the router runs, which says then what it cannot open.
      const obstacle = path.at(-1) === "tap" ? undefined : files.obstacle(written.file);
      const same = writers.slice(0, i).find((other) => other.identity === identity);
      const older = putAsideBy(files, identity, writers);
      const refuseFile = (wanted: string) => refuse([...path, "file"], wanted);
      if (obstacle !== undefined) refuseFile(`a file that can be written; ${obstacle}`);
      else if (identity === configuration) refuseFile("another file than this configuration");
      else if (writer === putsAside) refuseFile("another name; what is put aside would have that of this configuration");
      else if (same) refuseFile(`a file of its own; ${same.name} writes this one`);
      else if (older) refuseFile(`a file of its own; ${older.name} puts aside under this name what it wrote`);
    }
    for (const [i, { read, write }] of ports.entries()) {
      if (!read) continue;
      const refuseFile = (wanted: string) => refuse(["ports", i, "read", "file"], wanted);
      const absence = files.absence(read.file, read.follow);
      if (absence !== undefined) {
        refuseFile(`a file that can be read; ${absence}`);
        continue;
      }
      const identity = files.identify(read.file);
      const older = putAsideBy(files, identity, writers);
      const writer = writers.find((one) => one.identity === identity);
      if (older) refuseFile(`a file that stays where it is; ${older.name} puts aside under this name what it wrote`);
      else if (writer && writer.written === write)
        refuse(["ports", i, "write", "file"], "another file than the one that this port reads");
      else if (writer && !read.follow)
        refuseFile(`a file that stays where it is (or follow: true); ${writer.name} writes this one anew`);
    }
  };

interface Writer {
  readonly name: string;
  readonly path: (string | number)[];
  readonly written: Written;
  readonly identity: string;
}

function writersOf({ identify }: NamedFiles, { journal, ports }: Pick<Naming, "journal" | "ports">): Writer[] {
  const of = (name: string, path: (string | number)[], written: Written | undefined): Writer[] =>
    written ? [{ name, path, written, identity: identify(written.file) }] : [];
  return [
    ...of("the journal", ["journal"], journal),
    ...ports.flatMap(({ tap, write }, i) => [
      ...of(`the tap of ports[${i}]`, ["ports", i, "tap"], tap),
      ...of(`ports[${i}]`, ["ports", i, "write"], write),
    ]),
  ];
}

/** Who turns over under this name: of `out` that are `out.1` and so on, as many as it keeps. */
function putAsideBy({ identify }: NamedFiles, identity: string, writers: readonly Writer[]): Writer | undefined {
  const number = Number(/\.([1-9][0-9]*)$/.exec(identity)?.[1]);
  return writers.find(({ written: { file, files } }) => number < files && identify(`${file}.${number}`) === identity);
}

function passwordIn(found: ReturnType<NamedFiles["read"]>): { password: string } | { wanted: string } {
  if ("problem" in found) return { wanted: `a file that can be read; ${found.problem}` };
  const [password] = found.text.split(/\r?\n/);
  return isPassword(password)
    ? { password }
    : { wanted: `a file whose first line is a password, 1 to ${LONGEST_PASSWORD_BYTES} bytes` };
}
