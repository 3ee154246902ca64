/** Somebody else's JSON Schema as a check: what it finds wrong, or nothing. Read leniently, since it is theirs. */
import { Ajv, type Format } from "ajv";

export type SchemaCheck = (file: unknown) => readonly string[];

export function checkBySchema(text: string, formats: Readonly<Record<string, Format>> = {}): SchemaCheck {
  // Both schemas at hand name drafts as Ajv does not, and keep the `id` of draft 4; what they use, draft 7 has.
  const isOldName = (key: string, value: unknown) => (key === "id" || key === "$schema") && typeof value === "string";
  const schema = JSON.parse(text, (key, value: unknown) => (isOldName(key, value) ? undefined : value));
  const validate = new Ajv({ strict: false, allErrors: true, formats }).compile(schema);
  return (file) => {
    validate(file);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}
