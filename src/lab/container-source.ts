/**
 * Which lab a container plays: one that is in its image, by its name, or somebody's own, by its file, which it gets from outside.
 * Pure; `compose.ts` and `containerlab.ts` write it.
 */
export interface LabSource {
  /** As the command was given it. */
  readonly name: string;
  /** The whole path of one that is not in the image. */
  readonly file?: string | undefined;
}

const OWN_LAB = "/etc/ecmp/lab.yaml";

export const playedAs = ({ name, file }: LabSource): string => (file === undefined ? name : OWN_LAB);

export const sourceBinds = ({ file }: LabSource): string[] => (file === undefined ? [] : [`${file}:${OWN_LAB}:ro`]);
