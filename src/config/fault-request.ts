/**
 * What `ecmp fault` asks of a running router, as it comes through the control socket: words to values, or every mistake in them.
 */
import { z } from "zod";
import { faultRuleSchema, interfaceName } from "./port-schema.ts";
import { unicast, whole } from "./scalar.ts";

const direction = z.enum(["out", "in"], { error: "wanted out or in" });

const faultRequestSchema = z.discriminatedUnion(
  "action",
  [
    z.strictObject({ action: z.literal("list") }),
    z.strictObject({ action: z.literal("set"), interface: interfaceName, rule: faultRuleSchema }),
    z.strictObject({
      action: z.literal("clear"),
      /** Undefined: of all ports. */
      interface: interfaceName.optional(),
      nextHop: unicast.optional(),
      /** Undefined, without a next hop: every rule. */
      direction: direction.optional(),
    }),
    z.strictObject({ action: z.literal("kill-worker"), worker: whole(0, 255).default(0) }),
  ],
  { error: "wanted an action: list, set, clear or kill-worker" },
);

export type FaultRequest = z.output<typeof faultRequestSchema>;

/** Throws an Error for people, with every mistake. */
export function readFaultRequest(value: unknown): FaultRequest {
  const result = faultRequestSchema.safeParse(value);
  if (result.success) return result.data;
  throw new Error(result.error.issues.map(({ path, message }) => `${path.join(".") || "fault"}: ${message}`).join("\n"));
}
