/**
 * Keeps archives in the directory that they are unpacked to.
 *
 * Conflicts are found before anything is unpacked there. Later there are only warnings, because the
 * content is in place.
 *
 * @module
 */

import { identity } from "../../archive/unpack/journal.ts";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { DownloadItem } from "../../storage/transfer/download.ts";
import { placeFile } from "../../storage/local/place_file.ts";
import { look } from "../../storage/local/look.ts";
import type { FetchedArchive } from "./archive_source.ts";

/** What exists at the paths of archives, by the archive's S3 URI. */
export type ArchivePlaces = ReadonlyMap<
  string,
  { readonly path: string; readonly existing?: string }
>;

/**
 * Inspects the paths of archives.
 *
 * @param items The archives.
 * @returns What exists there.
 * @throws {RunOutputsError} `conflict`, if one is a directory; or errors of the disk.
 */
export async function findPlaces(items: readonly DownloadItem[]): Promise<ArchivePlaces> {
  const places = new Map<string, { path: string; existing?: string }>();
  for (const { location, path } of items) {
    const info = await look(path);
    if (info?.isDirectory) {
      throw new RunOutputsError(
        "conflict",
        `Cannot keep '${path}': a directory of this name already exists; move it away or fetch ` +
          `without --keep-archives`,
      );
    }
    places.set(location.s3Uri, { path, existing: info && identity(info) });
  }
  return places;
}

/**
 * Puts archives beside their unpacked content.
 *
 * @param held The archives; those that are not in the cache are moved.
 * @param places The result of {@linkcode findPlaces} before unpacking. What appeared there since
 * came from an archive, and stays.
 * @param outputDir The directory.
 * @returns Why archives are missing, by their S3 URI.
 */
export async function putArchives(
  held: readonly FetchedArchive[],
  places: ArchivePlaces,
  outputDir: string,
): Promise<ReadonlyMap<string, string>> {
  const warnings = new Map<string, string>();
  for (const { file, result } of held) {
    const { s3Uri } = result.location;
    const { path, existing } = places.get(s3Uri)!;
    try {
      const info = await look(path);
      if (info !== undefined && identity(info) !== existing) {
        throw new RunOutputsError(
          "conflict",
          `Cannot keep '${path}': a file of this name was unpacked`,
        );
      }
      if (file === path) continue;
      await Deno.mkdir(outputDir, { recursive: true });
      if (result.origin === "cache") await placeFile(file, path);
      else await Deno.rename(file, path).catch(() => placeFile(file, path));
    } catch (error) {
      const { message } = diskError("keep", path, error);
      warnings.set(s3Uri, `${message}; its content is in place`);
    }
  }
  return warnings;
}
