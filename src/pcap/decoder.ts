/**
 * A capture file as a stream: the decoder is shown one stretch of bytes after the other and fills a table of rows. It has
 * the three answers of a framer: *more* is needed, the table is *full*, or this is *wrong*; each says where it stopped.
 * Everything that a length claims is checked before it is waited for, so no file makes anybody wait for ever or hold much.
 */
import { createPcapDecoder } from "./pcap.ts";
import { createPcapngDecoder, SECTION_HEADER } from "./pcapng.ts";
import type { CaptureDecoder } from "./stretch.ts";

/** How many bytes of a file have to be seen to know what it is. */
export const MAGIC_BYTES = 4;

/** The decoder for a file that begins with `magic`, or undefined if no capture begins so. */
export function createDecoder(magic: Uint8Array): CaptureDecoder | undefined {
  if (magic.length < MAGIC_BYTES) return undefined;
  const view = new DataView(magic.buffer, magic.byteOffset, MAGIC_BYTES);
  if (view.getUint32(0) === SECTION_HEADER) return createPcapngDecoder();
  return createPcapDecoder(view.getUint32(0));
}
