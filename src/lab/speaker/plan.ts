/**
 * What every real speaker of a lab is asked for, and what its kind must be able to say: which files, which processes, which
 * commands to run once these are up, and how to ask its version. Values only; `speakers.ts` does it.
 */
import type { SessionSettings } from "../lab.ts";

export interface SpeakerPlan extends SessionSettings {
  readonly node: string;
  readonly asn: number;
  /** Its own address, which is also its router ID. */
  readonly address: string;
  /** Its next hop for what it announces of IPv6, over the same sessions. */
  readonly address6: string | undefined;
  /** Whom it speaks with. */
  readonly routers: readonly { readonly address: string; readonly asn: number }[];
  /** The prefixes it announces, of both families. */
  readonly prefixes: readonly string[];
  /** And so many of `fullTable`; only BIRD is asked for any. */
  readonly tableSize: number;
  /** With which link bandwidth, in megabits a second; a prefix that is not here is announced without one. */
  readonly linkBandwidths: ReadonlyMap<string, number>;
  /** Where its files and sockets live, alone. */
  readonly directory: string;
}

/** A configuration has a place for each family. */
export const ipv4Of = (prefixes: Iterable<string>): string[] => [...prefixes].filter((prefix) => !prefix.includes(":"));
export const ipv6Of = (prefixes: Iterable<string>): string[] => [...prefixes].filter((prefix) => prefix.includes(":"));

export interface SpeakerProcess {
  readonly name: string;
  readonly command: readonly string[];
}

export interface Flood {
  readonly files: Readonly<Record<string, string>>;
  readonly begin: readonly (readonly string[])[];
  readonly end: readonly (readonly string[])[];
}

export interface SpeakerKind {
  readonly implementation: string;
  /** The Debian package, and the programs of it that must be there. */
  readonly debianPackage: string;
  readonly programs: readonly string[];
  /** Whether it can be asked for BFD and for graceful restart, as MetalLB asks FRR. */
  readonly bfd: boolean;
  readonly gracefulRestart: boolean;
  /** Whether it can announce a link bandwidth community. */
  readonly linkBandwidth: boolean;
  /** Whether it can announce prefixes of IPv6 over its session of IPv4. */
  readonly ipv6: boolean;
  /** Whether it wants more of root than an ordinary user's namespace has. */
  readonly needsRoot: boolean;
  /** Whether it waits for the router to dial. */
  readonly listens: boolean;
  /** Its version, as the program itself says it: the first group of `pattern` in what `command` prints. */
  readonly version: { readonly command: readonly string[]; readonly pattern: RegExp };
  /** File name to content, inside the plan's directory. */
  files(plan: SpeakerPlan): Readonly<Record<string, string>>;
  /** Started in this order. The first one is the one that speaks BGP, and dies when the speaker is killed. */
  processes(plan: SpeakerPlan): readonly SpeakerProcess[];
  /** Run one after the other once the processes are started, each again until it succeeds. */
  setUp(plan: SpeakerPlan): readonly (readonly string[])[];
  /**
   * Asked of the running speaker, in its own tongue: to take its prefixes back, to announce them again, to say once more what it
   * announces (or, where it has no word for that, to take it back first), to end its session.
   */
  withdraw(plan: SpeakerPlan): readonly (readonly string[])[];
  announce(plan: SpeakerPlan): readonly (readonly string[])[];
  repeat(plan: SpeakerPlan): readonly (readonly string[])[];
  reset(plan: SpeakerPlan): readonly (readonly string[])[];
  /** So many prefixes of `fullTable` more, for a while: what to write, and the commands that begin and end it. */
  flood?(plan: SpeakerPlan, prefixes: number): Flood;
}
