/** All checks there are, by group. A new one is a row in `checks/`; a new group is a file there and a line here. */
import type { Check, CheckGroup } from "./check.ts";
import { ATTRIBUTE_CHECKS } from "./checks/attributes.ts";
import { CONNECTION_CHECKS } from "./checks/connections.ts";
import { HEADER_CHECKS } from "./checks/header.ts";
import { OPEN_CHECKS } from "./checks/open.ts";
import { OPEN_ERROR_CHECKS } from "./checks/open-errors.ts";
import { ROUTE_CHECKS } from "./checks/routes.ts";
import { SESSION_CHECKS } from "./checks/session.ts";
import { TIMER_CHECKS } from "./checks/timers.ts";
import { UNUSUAL_CHECKS } from "./checks/unusual.ts";

export const CHECK_GROUPS: readonly CheckGroup[] = [
  OPEN_CHECKS,
  OPEN_ERROR_CHECKS,
  HEADER_CHECKS,
  TIMER_CHECKS,
  SESSION_CHECKS,
  ATTRIBUTE_CHECKS,
  ROUTE_CHECKS,
  UNUSUAL_CHECKS,
  CONNECTION_CHECKS,
];

export interface ListedCheck {
  readonly group: string;
  readonly check: Check;
}

export const ALL_CHECKS: readonly ListedCheck[] = CHECK_GROUPS.flatMap(({ title, checks }) =>
  checks.map((check) => ({ group: title, check })),
);
