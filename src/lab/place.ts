/**
 * Where a command of a lab runs: in one of the lab's network namespaces, or where we are ourselves (a container that is one
 * machine of the lab). What a machine does is written once; its place makes the command that does it there.
 */
import { inNamespace } from "./namespace.ts";

export type Place = (command: readonly string[]) => readonly string[];

export const here: Place = (command) => command;

export const placeOf =
  (namespace: string): Place =>
  (command) =>
    inNamespace(namespace, command);
