/**
 * How well an archive may be compressed. Who unpacks refuses one that becomes too many times its own
 * size, since such ones are made to fill disks; who packs makes none of those.
 *
 * @module
 */

import type { PackCompression } from "./format.ts";

/** Bytes that an archive unpacks to for each of its own. Real ones have 3 to 20, bombs 1,000. */
export const MAX_RATIO = 500;

/** An archive that unpacks to no more bytes may have any ratio: sparse data compresses very well. */
export const RATIO_FROM = 512 * 1024 ** 2;

/**
 * What goes behind an archive of ours that is compressed better than readers take: bytes that each
 * program skips.
 *
 * @param compression How it is compressed.
 * @param packed Its size in bytes.
 * @param unpacked What it unpacks to.
 * @returns Nothing, for almost all archives; a frame that is skipped for zstd (RFC 8878, 3.1.2), or
 * Stream Padding for xz (The .xz File Format, 2.2).
 */
export function ratioPadding(
  compression: Exclude<PackCompression, "gz">,
  packed: number,
  unpacked: number,
): Uint8Array {
  const missing = Math.ceil(unpacked / MAX_RATIO) - packed;
  if (unpacked <= RATIO_FROM || missing <= 0) return new Uint8Array();
  if (compression === "xz") return new Uint8Array(Math.ceil(missing / 4) * 4);
  const frame = new Uint8Array(8 + missing);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 0x184d2a50, true);
  view.setUint32(4, missing, true);
  return frame;
}
