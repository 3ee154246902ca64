/**
 * The shapes of our files as JSON Schema, for editors: `ecmp lab schema` prints them. It says what may be written, not what is made
 * of it. A part that is read by hand, so that its mistakes are said in our words, says here what it takes (`takes`).
 */
import { z } from "zod";

/** Of a part that is read by hand, the shapes that it may have. */
const SHAPES = new WeakMap<z.core.$ZodType, readonly z.ZodType[]>();

/** The same part; an editor is told that it has one of these shapes. */
export function takes<Part extends z.core.$ZodType>(part: Part, ...shapes: readonly z.ZodType[]): Part {
  SHAPES.set(part, shapes);
  return part;
}

export const renderJsonSchema = (title: string, schema: z.ZodType): string =>
  `${JSON.stringify({ title, ...toJsonSchema(schema) }, null, 2)}\n`;

const toJsonSchema = (schema: z.ZodType): z.core.JSONSchema.BaseSchema =>
  z.toJSONSchema(schema, {
    io: "input",
    override: ({ zodSchema, jsonSchema }) => {
      const parts = SHAPES.get(zodSchema)?.map(partOf);
      if (parts) Object.assign(jsonSchema, parts.length === 1 ? parts[0] : { anyOf: parts });
    },
  });

function partOf(shape: z.ZodType): z.core.JSONSchema.BaseSchema {
  const { $schema: _, ...part } = toJsonSchema(shape);
  return part;
}
