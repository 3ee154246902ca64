/**
 * FRR's daemons, each a program of its own, where root is who runs them. They insist on being in the group of their control socket,
 * which only their own user is: here they see an /etc/group that has root in it. Everything of theirs is in `folder`.
 */
import { join } from "node:path";

/** `options` in the place of the configuration NAME.conf of the folder. */
export const frrDaemon = (folder: string, name: string, options = ["-f", join(folder, `${name}.conf`)]): string[] => [
  ...["unshare", "--mount", "sh", "-c"],
  `sed '/^frrvty:/s/$/,root/' /etc/group >${folder}/group && mount --bind ${folder}/group /etc/group && exec "$@"`,
  ...["sh", join("/usr/lib/frr", name), "-u", "root", "-g", "root", "-P", "0", "-i", join(folder, `${name}.pid`)],
  ...["--vty_socket", folder, "-z", join(folder, "zserv.api"), ...options],
];
