/**
 * Uploads a build's artifacts.
 *
 * @module
 */

import { join } from "node:path";
import { ArtifactName, type Compression } from "../../layout/artifact_name.ts";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { type NamedEntry, readDirectory, segmentOf } from "../../storage/local/disk_name.ts";
import type { PathFilterOptions } from "../../storage/transfer/path_filter.ts";
import { fileItem, textItem, type UploadItem } from "../../storage/transfer/upload.ts";
import { checkArtifactDir, looksLikeArchive } from "./artifact_checks.ts";
import { checkFormat } from "./file_format.ts";
import { type NameFilter, nameFilter } from "../artifacts/name_filter.ts";
import {
  formatSidecar,
  MAX_SIDECAR_BYTES,
  parseSidecar,
  SIDECAR_SUFFIX,
} from "../artifacts/sidecar.ts";
import { beginsWithDigest, decodeChecksumText } from "../artifacts/checksum_text.ts";
import { refuseLinks } from "./links.ts";
import { packItem } from "./pack_item.ts";
import { UploadPlanner } from "./plan.ts";
import { defaultWorkDir } from "./work_dir.ts";

/** How artifact directories are packed. */
export interface PackArtifactsOptions {
  /** The compression: `.tar.zst` or `.tar.xz`. Default: `zst`. */
  readonly compression?: Compression;
  /** The level. Default: that of the compression, zstd 3, xz 6. */
  readonly level?: number;
  /** The time of all members, instead of their own. */
  readonly modified?: Date;
  /** The latest time of a member; later times are replaced by it. */
  readonly notAfter?: Date;
  /** The directory for archives until they are uploaded. Default: the artifacts' directory. */
  readonly workDir?: string;
}

/** Options of {@linkcode planArtifacts}. */
export interface PlanArtifactsOptions extends PathFilterOptions, PackArtifactsOptions {
  /** The directory with archives and artifact directories that a build creates. */
  readonly artifactsDir: string;
  /** The names of artifacts, such as `blas`, to upload. Default: all. */
  readonly artifactNames?: ReadonlySet<string>;
  /** Whether names on disk are encoded for Windows, and must be decoded. Default: on Windows. */
  readonly encodedNames?: boolean;
  /** Aborts planning. */
  readonly signal?: AbortSignal;
}

/**
 * Plans the upload of artifacts: directories `{name}_{component}_{target}` become archives,
 * archives are uploaded unchanged, and each gets its `.sha256sum`. An existing checksum file is
 * compared with its archive: if they do not match, both fail.
 *
 * @param root The run.
 * @param options The directory and the selection.
 * @param planner Receives them.
 * @returns The include patterns that matched nothing.
 * @throws {RunOutputsError} `not_found`, if the directory does not exist.
 */
export async function planArtifacts(
  root: RunOutputRoot,
  options: PlanArtifactsOptions,
  planner: UploadPlanner = new UploadPlanner(),
): Promise<string[]> {
  const { artifactsDir, signal } = options;
  const filter = nameFilter(options);
  const entries = await readEntries(artifactsDir, options.encodedNames, planner);
  const archives = [...entries.values()]
    .filter((entry) => entry.isFile && ArtifactName.tryParse(entry.name) !== undefined);
  const packed = new Set<string>();

  for (const { name, path } of archives) {
    // A pattern can match the name of the artifact's directory, which the archive replaces.
    if (!isWanted(ArtifactName.parse(name), options) || !filter.matches(name)) continue;
    packed.add(ArtifactName.parse(name).dirName);
    const sidecar = entries.get(name + SIDECAR_SUFFIX)?.path;
    await planArchive(root, { name, path, sidecar }, options, planner);
  }
  for (const entry of entries.values()) {
    signal?.throwIfAborted();
    const { path } = entry;
    if (entry.isDirectory) await planDirectory(root, entry, options, filter, packed, planner);
    else if (!isArchiveOrSidecar(entry, entries)) {
      if (!filter.matches(entry.name)) continue;
      if (entry.isSymlink) planner.note(path, "a symbolic link");
      else if (looksLikeArchive(entry.name)) planner.warn(path, MISNAMED);
      else planner.note(path, "not an artifact");
    }
  }
  return filter.unmatched();
}

/** Whether an artifact has one of the requested names. */
function isWanted({ name }: ArtifactName, { artifactNames }: PlanArtifactsOptions): boolean {
  return artifactNames?.has(name) ?? true;
}

/** Why an archive is skipped. */
const MISNAMED = "is not uploaded: artifacts are named NAME_COMPONENT_TARGET.tar.zst or .tar.xz";

/** An entry of the artifacts' directory, with its name as part of a key. */
interface Entry extends NamedEntry {
  readonly path: string;
}

async function readEntries(
  dir: string,
  encodedNames: boolean | undefined,
  planner: UploadPlanner,
): Promise<ReadonlyMap<string, Entry>> {
  try {
    const entries = (await readDirectory(dir)).map((entry) => ({
      ...entry,
      name: segmentOf(entry.name, encodedNames),
      path: join(dir, entry.name),
    }));
    entries.sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { path, misread } of entries) {
      if (misread !== undefined) planner.warn(path, `is not uploaded: ${misread}`);
    }
    const readable = entries.filter(({ misread }) => misread === undefined);
    return new Map(readable.map((entry) => [entry.name, entry]));
  } catch (error) {
    throw diskError("list the artifacts in", dir, error);
  }
}

function isArchiveOrSidecar(
  entry: Deno.DirEntry,
  entries: ReadonlyMap<string, Entry>,
): boolean {
  if (!entry.isFile) return false;
  if (entry.name.startsWith(".")) return true;
  if (ArtifactName.tryParse(entry.name) !== undefined) return true;
  if (!entry.name.endsWith(SIDECAR_SUFFIX)) return false;
  return entries.has(entry.name.slice(0, -SIDECAR_SUFFIX.length));
}

async function planArchive(
  root: RunOutputRoot,
  { name, path, sidecar }: {
    readonly name: string;
    readonly path: string;
    readonly sidecar: string | undefined;
  },
  options: PlanArtifactsOptions,
  planner: UploadPlanner,
): Promise<void> {
  const location = root.artifact(name);
  try {
    const size = await checkFormat(path);
    if (sidecar === undefined) {
      planner.add(fileItem(location, path, { size, followUp: madeSidecar(root, name) }));
      return;
    }
    await refuseLinks(options.artifactsDir, sidecar);
    const { size: sidecarSize } = await Deno.stat(sidecar);
    if (sidecarSize > MAX_SIDECAR_BYTES) {
      throw new RunOutputsError("integrity", tooLong(sidecar));
    }
    const text = decodeChecksumText(await Deno.readFile(sidecar));
    const sha256 = parseSidecar(text, sidecar, name);
    // Other readers of the run only know the format that begins with the digest.
    const ours = beginsWithDigest(text, sha256)
      ? fileItem(root.artifactSidecar(name), sidecar, { size: sidecarSize })
      : textItem(root.artifactSidecar(name), formatSidecar(sha256), sidecar);
    const made = madeSidecar(root, name)!;
    // If another archive is kept there, as requested, our checksum file would be wrong.
    const followUp: UploadItem["followUp"] = (written) =>
      written.sha256 === undefined || written.sha256 === sha256 ? [ours] : made(written);
    planner.add(fileItem(location, path, { size, sha256, sha256From: sidecar, followUp }));
  } catch (error) {
    planner.fail(location, path, diskError("read", sidecar ?? path, error));
  }
}

function tooLong(path: string): string {
  return `Cannot read the checksum in '${path}': it is larger than ${MAX_SIDECAR_BYTES} bytes`;
}

async function planDirectory(
  root: RunOutputRoot,
  { name: dirName, path }: Entry,
  options: PlanArtifactsOptions,
  filter: NameFilter,
  packed: ReadonlySet<string>,
  planner: UploadPlanner,
): Promise<void> {
  const artifact = ArtifactName.tryParseDirName(dirName);
  if (artifact === undefined) {
    if (filter.matches(dirName)) planner.note(path, "not named like an artifact");
    return;
  }
  if (!isWanted(artifact, options)) return;
  const { compression = "zst", level, modified, notAfter, signal } = options;
  const name = artifact.withCompression(compression).fileName;
  // A pattern can be for the directory or for its archive.
  if (!filter.matches(name)) return;
  if (packed.has(artifact.dirName)) {
    planner.note(path, "its archive exists and is uploaded instead");
    return;
  }
  const location = root.artifact(name);
  try {
    const { members, warnings } = await checkArtifactDir(path, signal);
    for (const warning of warnings) planner.warn(path, warning);
    planner.add(packItem({
      location,
      path,
      members,
      compression,
      level,
      modified,
      notAfter,
      workDir: options.workDir ?? defaultWorkDir(options.artifactsDir),
      followUp: madeSidecar(root, name),
    }));
  } catch (error) {
    signal?.throwIfAborted();
    planner.fail(location, path, error as Error);
  }
}

/** The size of the result of {@linkcode formatSidecar}. */
const SIDECAR_BYTES = 65;

/** The checksum file of an archive without one, once the archive's hash is known. */
function madeSidecar(root: RunOutputRoot, name: string): UploadItem["followUp"] {
  const location = root.artifactSidecar(name);
  const path = `sha256 of ${name}`;
  return ({ sha256 }) => {
    if (sha256 !== undefined) return [textItem(location, formatSidecar(sha256), path)];
    return [{
      location,
      path,
      size: SIDECAR_BYTES,
      check: () => Promise.resolve(),
      open: () => Promise.reject(new TypeError(`The hash of ${name} is not known yet`)),
    }];
  };
}
