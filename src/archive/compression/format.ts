/**
 * What archives can be compressed with.
 *
 * @module
 */

/** How an archive is compressed: zstd (`.tar.zst`), xz (`.tar.xz`) or gzip (`.tar.gz`). */
export type PackCompression = "zst" | "xz" | "gz";

/** The levels of a compression. */
export interface CompressionLevels {
  /** The fastest. */
  readonly min: number;
  /** The smallest. */
  readonly max: number;
  /** The one that is taken if none is asked for. */
  readonly standard: number;
}

/**
 * The levels that each compression has. The `xz` program has two more, whose dictionaries take more
 * memory than liblzma has in WebAssembly.
 */
export const COMPRESSION_LEVELS: Readonly<Record<PackCompression, CompressionLevels>> = {
  zst: { min: 1, max: 19, standard: 3 },
  xz: { min: 0, max: 7, standard: 6 },
  gz: { min: 1, max: 9, standard: 6 },
};
