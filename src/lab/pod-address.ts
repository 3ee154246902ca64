/**
 * Where a node's pods are in its subnets: the gateway is the first host, the pods are the ones after it, each with a letter.
 * Pure.
 */
import { isIpv4 } from "../net/address.ts";
import type { Prefix } from "../net/prefix.ts";
import type { Addressed, ClusterNode, Pod } from "./lab.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const GATEWAY = 1;
const FIRST_POD = 2;

type Subnets = Pick<ClusterNode, "podSubnet" | "podSubnet6">;

export const podGateway = (subnets: Subnets): Addressed => hostAt(subnets, GATEWAY);

/** `index`: from 0 on. */
export const podAt = (node: string, subnets: Subnets, index: number): Pod => ({
  name: `${node}-${LETTERS[index]}`,
  node,
  ...hostAt(subnets, FIRST_POD + index),
});

/** How many have a letter, and an address before that of broadcasts in the last eight bits. */
export const mostPods = ({ podSubnet: { length } }: Subnets): number =>
  Math.min(LETTERS.length, 2 ** Math.min(32 - length, 8) - FIRST_POD - 1);

const hostAt = ({ podSubnet, podSubnet6 }: Subnets, host: number): Addressed => ({
  address: hostOf(podSubnet, host),
  address6: podSubnet6 && hostOf(podSubnet6, host),
});

/** Subnets are large enough: the last digits of one are zero. */
const hostOf = ({ address, length }: Prefix, host: number): Prefix =>
  isIpv4(address)
    ? { address: address + host, length }
    : { address: address.slice(0, -2) + host.toString(16).padStart(2, "0"), length };
