/** How this program is called again, by its own lab: the node that runs it now, and the file it was started from. */
import { fileURLToPath } from "node:url";

export const ECMP_COMMAND: readonly string[] = [process.execPath, fileURLToPath(new URL("../main.js", import.meta.url))];
