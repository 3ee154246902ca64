/** The single values of a configuration file, which the schemas of its parts are made of: each says what is wanted in its place. */
import { z } from "zod";
import { type Address, isIpv4, isLinkLocal, parseAddress, zoneOf } from "../net/address.ts";
import { type Prefix, parsePrefix } from "../net/prefix.ts";

/** Text that `parse` turns into a value, or a mistake that says what is wanted. */
export const parsed = <Value>(parse: (text: string) => Value | undefined, wanted: string) =>
  z.string({ error: `wanted ${wanted}` }).transform((text, context): Value => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue({ code: "custom", message: `wanted ${wanted}`, input: text });
    return z.NEVER;
  });

export const whole = (minimum: number, maximum: number) => {
  const wanted = `wanted a whole number from ${minimum} to ${maximum}`;
  return z.number({ error: wanted }).int({ error: wanted }).min(minimum, { error: wanted }).max(maximum, { error: wanted });
};

export const oneOf = (names: readonly string[]) => {
  const wanted = `wanted one of ${names.join(", ")}`;
  // Not as `z.enum`, behind whose mistake nothing more would be looked for; editors are told the names all the same.
  return z
    .string({ error: wanted })
    .refine((name) => names.includes(name), { error: wanted })
    .meta({ enum: [...names] });
};

export const address = parsed<Address>(parseAddress, 'an IP address such as "10.0.0.1"');
export const unicast = parsed<Address>((text) => {
  const value = parseAddress(text);
  const isUnicast =
    typeof value === "number" ? value > 0xffffff && value < 0xe0000000 : value !== undefined && !/^(ff|0{32}$)/.test(value);
  return isUnicast ? value : undefined;
}, 'a unicast IP address such as "10.0.0.1"');
export const prefix = parsed<Prefix>(parsePrefix, 'a prefix without host bits such as "198.51.100.0/24"');
/** Somebody whom we can send to: a link-local address alone says not where, and what lies in ::ffff:0:0/96 is IPv4's. */
export const host = unicast
  .refine((one) => !isLinkLocal(one) || zoneOf(one) !== undefined, { error: 'wanted its link too, such as "fe80::1%eth1"' })
  .refine((one) => isIpv4(one) || !/^0{20}ffff/.test(one), { error: "wanted the IPv4 address that is in it" });
