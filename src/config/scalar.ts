/** The single values of a configuration file, which the schemas of its parts are made of: each says what is wanted in its place. */
import { z } from "zod";
import { type Address, isIpv4, isLinkLocal, parseAddress, zoneOf } from "../net/address.ts";
import { maskAddress, type Prefix, parseInterfaceAddress, parsePrefix, subnetBroadcast } from "../net/prefix.ts";

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
const isUnicast = (one: Address): boolean => (isIpv4(one) ? one > 0xffffff && one < 0xe0000000 : !/^(ff|0{32}$)/.test(one));
export const unicast = parsed<Address>((text) => {
  const value = parseAddress(text);
  return value !== undefined && isUnicast(value) ? value : undefined;
}, 'a unicast IP address such as "10.0.0.1"');
export const prefix = parsed<Prefix>(parsePrefix, 'a prefix without host bits such as "198.51.100.0/24"');
/** An address of ours, with the length of its subnet's prefix. Link-local ones are the kernel's to give. */
export const interfaceAddress = parsed<Prefix>((text) => {
  const value = parseInterfaceAddress(text);
  return value && isHostOf(value) ? value : undefined;
}, 'an address in its subnet such as "10.0.10.1/24", not the subnet\'s own, nor its broadcast, nor a link-local one');

/** Not the network itself, nor the broadcast of a subnet that has these. */
function isHostOf({ address, length }: Prefix): boolean {
  if (!isUnicast(address) || length === 0) return false;
  if (!isIpv4(address)) return !isLinkLocal(address) && address !== `${"0".repeat(31)}1`;
  if (address >>> 24 === 127) return false;
  return length > 30 || (address !== maskAddress(address, length) && address !== subnetBroadcast({ address, length }));
}

/** Somebody whom we can send to: a link-local address alone says not where, and what lies in ::ffff:0:0/96 is IPv4's. */
export const host = unicast
  .refine((one) => !isLinkLocal(one) || zoneOf(one) !== undefined, { error: 'wanted its link too, such as "fe80::1%eth1"' })
  .refine((one) => isIpv4(one) || !/^0{20}ffff/.test(one), { error: "wanted the IPv4 address that is in it" });
