/** The other end of `fault-server.ts`: `ecmp lab fault` asks a lab that stands on this machine, through `/proc/PID/root`. */
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { LabFailure } from "./failure.ts";
import { FAULT_SOCKET, type FaultAnswer, type FaultRequest } from "./fault-server.ts";
import { pathInside, type StandingLab, standingLabs } from "./standing.ts";

/** The lab of that name, or the only one, that stays up and takes faults. */
export function chooseLab(name: string | undefined): StandingLab {
  const labs = standingLabs(name).filter(({ pid }) => existsSync(pathInside(pid, FAULT_SOCKET)));
  if (labs.length === 1) return labs[0];
  const found = labs.map((lab) => lab.name).join(", ") || "no lab that is up";
  throw new LabFailure("lab fault", found, name ?? "one lab that is up, or its name in --lab", "ecmp lab up NAME");
}

/** To look takes a lab a moment; to begin or end a fault may take it as long as a drain. */
const LIST_DEADLINE_MS = 15_000;

export function askForFault({ name, pid }: StandingLab, request: FaultRequest): Promise<FaultAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(pathInside(pid, FAULT_SOCKET));
    let said = "";
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (bytes) => {
      said += bytes.toString();
    });
    socket.on("error", (error) =>
      reject(error instanceof LabFailure ? error : new LabFailure(`lab ${name}`, error.message, "an answer")),
    );
    if (request.action === "list")
      socket.setTimeout(LIST_DEADLINE_MS, () => {
        const found = `no answer in ${LIST_DEADLINE_MS / 1000} s`;
        socket.destroy(new LabFailure(`lab ${name}`, found, "one at once", `is process ${pid} stopped?`));
      });
    socket.on("close", () => {
      if (said.endsWith("\n")) resolve(JSON.parse(said) as FaultAnswer);
      else reject(new LabFailure(`lab ${name}`, "it ended", "an answer"));
    });
  });
}
