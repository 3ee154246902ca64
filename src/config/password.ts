/**
 * Passwords of TCP-MD5 (RFC 2385): what may be one, and those that lie in files of their own, put where the configuration names
 * the files. Reading a file is the caller's; what is wrong with it is a mistake of the configuration like any other.
 */
import type { z } from "zod";

/** Linux takes keys of up to TCP_MD5SIG_MAXKEYLEN bytes. */
export const LONGEST_PASSWORD_BYTES = 80;

export function isPassword(text: string): boolean {
  const { length } = new TextEncoder().encode(text);
  return length >= 1 && length <= LONGEST_PASSWORD_BYTES;
}

/** The text of a file that a configuration names, or in words what is wrong with it. */
export type PasswordFileReader = (file: string) => { readonly text: string } | { readonly problem: string };

const LISTS = ["neighbors", "dynamicNeighbors"] as const;

interface Named {
  readonly passwordFile?: string | undefined;
}
interface NamedIn {
  readonly bgp?: { readonly neighbors: readonly Named[]; readonly dynamicNeighbors: readonly Named[] } | undefined;
}

/** The configuration with its passwords; a file that has none is an issue. */
export const withPasswordFiles =
  (read: PasswordFileReader) =>
  <One extends NamedIn>(config: One, context: z.core.$RefinementCtx<One>): One => {
    if (!config.bgp) return config;
    const lists = LISTS.map((list) => [
      list,
      config.bgp?.[list].map((one, i) => {
        if (one.passwordFile === undefined) return one;
        const found = passwordIn(read(one.passwordFile));
        if ("password" in found) return { ...one, ...found };
        context.addIssue({ code: "custom", path: ["bgp", list, i, "passwordFile"], message: `wanted ${found.wanted}` });
        return one;
      }),
    ]);
    return { ...config, bgp: { ...config.bgp, ...Object.fromEntries(lists) } };
  };

function passwordIn(found: ReturnType<PasswordFileReader>): { password: string } | { wanted: string } {
  if ("problem" in found) return { wanted: `a file that can be read; ${found.problem}` };
  const [password] = found.text.split(/\r?\n/);
  return isPassword(password)
    ? { password }
    : { wanted: `a file whose first line is a password, 1 to ${LONGEST_PASSWORD_BYTES} bytes` };
}
