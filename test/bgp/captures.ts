/**
 * The first bytes that real speakers say: captured on a TCP connection to each, after our OPEN and KEEPALIVE. Each has one
 * static route, 203.0.113.10/32, for AS 65000 at 10.9.0.1.
 */
import { hex } from "./hex.ts";

export const CAPTURES = {
  "FRR 8.4.4": hex(
    `ffffffffffffffffffffffffffffffff005e0104fde900b40a090002410206010400010001020280000202020002024600020641040000fde9020206
     00020645040001010102064904026e310002044002c0780209470700010180000000
     ffffffffffffffffffffffffffffffff001304
     ffffffffffffffffffffffffffffffff0038020000001c400101005002000602010000fde94003040a0900028004040000000020cb00710a`,
  ),
  "BIRD 2.0.12": hex(
    `ffffffffffffffffffffffffffffffff00350104fdea00f00a09000318021601040001000102004002007841040000fdea46004700
     ffffffffffffffffffffffffffffffff001304
     ffffffffffffffffffffffffffffffff003002000000144001010040020602010000fdea4003040a09000320cb00710a
     ffffffffffffffffffffffffffffffff00170200000000`,
  ),
  "GoBGP 3.10.0": hex(
    `ffffffffffffffffffffffffffffffff003b0104fdeb005a0a0900041e021c0200490402766d0001040001000141040000fdeb0506000100010002
     ffffffffffffffffffffffffffffffff001304
     ffffffffffffffffffffffffffffffff003002000000144001010240020602010000fdeb4003040a09000420cb00710a`,
  ),
} as const;
