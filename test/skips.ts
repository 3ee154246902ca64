/**
 * The tests that may be skipped in CI, each with its reason: a part that the machine lacks, named. Any other skipped test
 * fails CI, so that nothing falls silent unnoticed.
 */
export interface AllowedSkip {
  /** What the test's full name begins with. */
  readonly test: string;
  readonly reason: string;
}

const SEED_SYSCTL = "kernels before 6.11 have no net.ipv4.fib_multipath_hash_seed to ask with";

const CLOSED_FOLDER = "root's checkout lies in a folder that is closed to others, so nobody else can run it";

export const ALLOWED_SKIPS: readonly AllowedSkip[] = [
  { test: "ecmp lab run metallb-bgp, as an ordinary user", reason: CLOSED_FOLDER },
  { test: "a lab of an ordinary user", reason: CLOSED_FOLDER },
  { test: "a router that gives up root: wants a checkout", reason: CLOSED_FOLDER },
  { test: "Linux's multipath hash", reason: SEED_SYSCTL },
  { test: "Linux's resilient groups", reason: SEED_SYSCTL },
  { test: "Linux's socket hash", reason: SEED_SYSCTL },
  { test: "large pages are asked for", reason: "kernels without transparent huge pages have none to ask for" },
  { test: "kernels by level", reason: "a processor that has not these instructions cannot be made to use them" },
  { test: "docker-compose config", reason: "a machine without docker-compose has nobody to ask what compose 1.29 takes" },
  { test: "containerlab's own schema", reason: "containerlab's schema is in no package: who has its file names it" },
  { test: "docker-compose up", reason: "a machine where no Docker engine starts cannot run containers" },
  { test: "ecmp probe: the package raw-socket", reason: "raw-socket does not compile on Node 24 and later" },
  { test: "BPF", reason: "programs want Linux 6.6, and CAP_BPF and CAP_NET_ADMIN of the machine: an ordinary user has neither" },
  { test: "the page in Chromium", reason: "no /usr/bin/chromium to look at the page with" },
  { test: "TCP in a VXLAN", reason: "kernels without VXLAN have no tunnel to offload" },
  { test: "carried flows", reason: "kernels before 6.6, and who has no CAP_BPF of the machine itself, carry no flows" },
  { test: "a tag makes no difference", reason: "kernels without 802.1Q cannot make a VLAN interface to test with" },
];
