/**
 * The maximum compression ratio of archives. Unpacking rejects higher ratios, because such archives
 * are made to fill disks; packing does not produce them.
 *
 * @module
 */

import type { PackCompression } from "./format.ts";

/**
 * The maximum number of unpacked bytes per byte of the archive. Real archives have 3 to 20, bombs
 * 1,000.
 */
export const MAX_RATIO = 500;

/**
 * Archives that unpack to no more bytes than this may have any ratio, because sparse data
 * compresses very well.
 */
export const RATIO_FROM = 512 * 1024 ** 2;

/**
 * Padding for an archive of ours with a higher ratio than readers accept: bytes that every program
 * skips.
 *
 * @param compression The compression.
 * @param packed Its size in bytes.
 * @param unpacked Its unpacked size.
 * @returns Empty for almost all archives; a skippable frame for zstd (RFC 8878, 3.1.2), or Stream
 * Padding for xz (The .xz File Format, 2.2).
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
