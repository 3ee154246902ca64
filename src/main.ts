#!/usr/bin/env node
/** The `ecmp` command: the argument vector goes to one row of the command table. No logic. */
import { program } from "./commands/program.ts";

await program(process.argv);
