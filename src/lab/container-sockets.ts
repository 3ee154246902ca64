/**
 * Where the containers of a lab meet: a folder with each router's control socket, and the socket on which a NAT says what it
 * translates (`nat-server.ts`), each by its machine's name. The clients' container has the folder too. Pure; `part.ts` uses it.
 */
import { type Lab, routersOf } from "./lab.ts";

export const SOCKET_FOLDER = "/run/ecmp";

export const socketOf = (machine: string, folder: string = SOCKET_FOLDER): string => `${folder}/${machine}.sock`;

export const meets = (lab: Lab, machine: string): boolean =>
  [...routersOf(lab).map(({ name }) => name), lab.nat?.host, clientsHost(lab)].includes(machine);

/** All clients of a lab are on one host. */
export const clientsHost = (lab: Lab): string => lab.clients[0].node;
