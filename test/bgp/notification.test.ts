import { describe, expect, test } from "vitest";
import { errorName } from "#src/bgp/error.ts";
import { CEASE } from "#src/bgp/iana.ts";
import { decodeMessage, encodeMessage } from "#src/bgp/message.ts";
import { IPV4_UNICAST } from "#src/bgp/nlri.ts";
import { administrativeCease, cease, decodeNotification, encodeNotification, shutdownText } from "#src/bgp/notification.ts";
import { hex, MARKER } from "./hex.ts";

const decode = (body: string) => {
  const decoded = decodeNotification(hex(body));
  if ("error" in decoded) throw new Error("not a NOTIFICATION");
  return decoded.value.error;
};

describe("NOTIFICATION", () => {
  test.each([
    ["Cease/Administrative Shutdown", "06 02 0b 676f6f64206e69676874 21", "good night!"],
    ["Cease/Administrative Reset", "06 04 02 c3a9", "é"],
    ["Cease/Administrative Shutdown", "06 02", undefined],
    ["Cease/Administrative Shutdown", "06 02 00", undefined],
    ["Cease/Administrative Shutdown", "06 02 05 61", undefined],
    ["Cease/Peer De-configured", "06 03 01 61", undefined],
    ["OPEN Message Error/Unsupported Version Number", "02 01 0004", undefined],
    ["OPEN Message Error/Unspecific", "02 00", undefined],
    ["Hold Timer Expired", "04 00", undefined],
    ["Finite State Machine Error/Unexpected Message in Established", "05 03 01", undefined],
    ["Send Hold Timer Expired", "08 00", undefined],
    ["Cease/subcode 99", "06 63", undefined],
    ["Error 0", "00 00", undefined],
    ["Error 255/subcode 255", "ff ff", undefined],
  ])("%s: %s", (name, body, text) => {
    const error = decode(body);
    expect(errorName(error)).toBe(name);
    expect(shutdownText(error)).toBe(text);
    expect(encodeNotification({ kind: "notification", error })).toEqual(hex(body));
  });

  test("the words of a shutdown cannot write to a terminal, and bad UTF-8 does not throw", () => {
    expect(shutdownText(decode("06 02 04 1b5b0a41"))).toBe("[A");
    expect(shutdownText(decode("06 02 02 c341"))).toBe("\ufffdA");
  });

  test("words are cut to 255 bytes between characters", () => {
    const error = administrativeCease(CEASE.administrativeShutdown, "é".repeat(200));
    expect(error.data.length).toBe(1 + 254);
    expect(shutdownText(error)).toBe("é".repeat(127));
    expect(administrativeCease(CEASE.administrativeShutdown)).toEqual(cease(2));
  });

  test("a body of one byte is an error, and not an exception", () => {
    expect(decodeNotification(hex("06"))).toEqual({ error: { code: 1, subcode: 2, data: hex("") } });
  });
});

describe("KEEPALIVE and ROUTE-REFRESH", () => {
  const context = { asnSize: 4, peerType: "external", families: [IPV4_UNICAST] } as const;

  test("both directions", () => {
    expect(encodeMessage({ kind: "keepalive" }, 4)).toEqual([hex(`${MARKER} 0013 04`)]);
    expect(decodeMessage(4, hex(""), context)).toEqual({ message: { kind: "keepalive" }, faults: [] });
    const refresh = { kind: "route-refresh", family: { afi: 1, safi: 1 }, subtype: 2 } as const;
    expect(encodeMessage(refresh, 4)).toEqual([hex(`${MARKER} 0017 05 0001 02 01`)]);
    expect(decodeMessage(5, hex("0001 02 01"), context)).toEqual({ message: refresh, faults: [] });
  });

  test.each([
    ["a mark that is short is quoted whole", "0001 02", 7, 1, `${MARKER} 0016 05 0001 02`],
    ["a mark that is long is quoted whole", "0001 01 01 00", 7, 1, `${MARKER} 0018 05 0001 01 01 00`],
    ["a request has no error of its own", "0001 00 01 00", 1, 2, "0018"],
    ["a subtype that nobody knows neither", "0001 03 01 00", 1, 2, "0018"],
    ["where the subtype would be there is nothing", "0001", 1, 2, "0015"],
  ])("ROUTE-REFRESH of a wrong length (RFC 7313 section 5): %s", (_, body, code, subcode, data) => {
    expect(decodeMessage(5, hex(body), context)).toEqual({ error: { code, subcode, data: hex(data) }, faults: [] });
  });

  test("a mark that is longer than a NOTIFICATION is quoted as far as there is room", () => {
    const decoded = decodeMessage(5, Uint8Array.of(0, 1, 1, 1, ...new Uint8Array(60_000)), context);
    if (!("error" in decoded)) throw new Error("an error wanted");
    expect(encodeMessage({ kind: "notification", error: decoded.error }, 4)[0]).toHaveLength(4096);
  });

  test("a type that the framer would not let through is an error too", () => {
    expect(decodeMessage(9, hex(""), context)).toMatchObject({ error: { code: 1, subcode: 3, data: hex("09") } });
  });
});
