/**
 * The compressions of archives.
 *
 * @module
 */

/** The compression of an archive: zstd (`.tar.zst`), xz (`.tar.xz`) or gzip (`.tar.gz`). */
export type PackCompression = "zst" | "xz" | "gz";

/** The levels of a compression. */
export interface CompressionLevels {
  /** The fastest. */
  readonly min: number;
  /** The smallest. */
  readonly max: number;
  /** The default. */
  readonly standard: number;
}

/**
 * The levels of each compression. The `xz` program has two more, whose dictionaries need more
 * memory than liblzma has in WebAssembly.
 */
export const COMPRESSION_LEVELS: Readonly<Record<PackCompression, CompressionLevels>> = {
  zst: { min: 1, max: 19, standard: 3 },
  xz: { min: 0, max: 7, standard: 6 },
  gz: { min: 1, max: 9, standard: 6 },
};
