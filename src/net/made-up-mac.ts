/**
 * Ethernet addresses for where nobody has one: in captures, the router that the packets are to, and the next hops that they leave
 * to. Locally administered, and the same in a replay and at a port over files, so that what leaves either can be compared.
 */
import { type Address, isIpv4, wordsOf } from "./address.ts";
import type { Mac } from "./mac.ts";

export const MADE_UP_ROUTER_MAC: Mac = 0x060000000001;
const NEIGHBORS: Mac = 0x020000000000;

/** It ends in the last four bytes of the address. */
export const madeUpMac = (address: Address): Mac => NEIGHBORS + (isIpv4(address) ? address : wordsOf(address)[3]);
