/**
 * Checks before an upload whether an artifact can be unpacked.
 *
 * @module
 */

import {
  ARTIFACT_MANIFEST,
  type ArtifactMembers,
  listArtifactMembers,
} from "../../archive/tar/list_members.ts";
import { checkMembers } from "../../archive/unpack/check_members.ts";
import { BadArchive } from "../../archive/tar/bad_archive.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";

/** The content of an artifact's archive. */
export interface CheckedArtifact extends Pick<ArtifactMembers, "members"> {
  /** Warnings, to follow the directory's path; usually none. */
  readonly warnings: readonly string[];
}

/**
 * Lists the content of an artifact's archive, and checks that it can be unpacked.
 *
 * A component without files is a directory that contains only a manifest with blank lines; builds
 * create them.
 *
 * @param dir The artifact's directory.
 * @param signal Aborts the check.
 * @returns The members, the manifest first, and warnings.
 * @throws {RunOutputsError} `invalid`, if the manifest is missing or leads out of the directory,
 * with directory and line; or errors of the disk.
 */
export async function checkArtifactDir(
  dir: string,
  signal?: AbortSignal,
): Promise<CheckedArtifact> {
  const artifact = await listArtifact(dir, signal);
  const { members, relpaths, leftOut } = artifact;
  if (relpaths.length === 0) {
    if (leftOut.length === 0) {
      const empty = `is an empty artifact: its ${ARTIFACT_MANIFEST} lists nothing, and nothing ` +
        "is there";
      return { members, warnings: [empty] };
    }
    throw cannotPack(
      dir,
      `its ${ARTIFACT_MANIFEST} has only empty lines, and ${quote(leftOut[0])} is there`,
    );
  }
  try {
    checkMembers(artifact);
  } catch (error) {
    if (!(error instanceof BadArchive)) throw error;
    throw cannotPack(dir, `fetch would reject ${quote(error.member ?? "it")}: ${error.message}`);
  }
  const warnings: string[] = [];
  if (members.length === 1) {
    // Listed directories may be missing, but rarely all of them.
    warnings.push(
      `is packed without any file: no directory that its ${ARTIFACT_MANIFEST} lists has one ` +
        `(${andMore(relpaths.map(({ text }) => text))})`,
    );
  }
  if (leftOut.length > 0) {
    warnings.push(
      `is packed without ${
        andMore(leftOut)
      }: not in a directory that its ${ARTIFACT_MANIFEST} lists`,
    );
  }
  return { members, warnings };
}

/** The first few names, and the number of the others. */
function andMore([first, ...others]: readonly string[]): string {
  return `${quote(first)}${others.length === 0 ? "" : ` and ${others.length} more`}`;
}

async function listArtifact(dir: string, signal?: AbortSignal): Promise<ArtifactMembers> {
  try {
    return await listArtifactMembers(dir, { signal });
  } catch (error) {
    if (!(error instanceof BadArchive)) throw error;
    throw cannotPack(
      dir,
      error.member === undefined
        ? `it has no ${ARTIFACT_MANIFEST}, so it is not a complete artifact: list its directories ` +
          "there, one relative path per line"
        : `its ${error.member} is invalid: ${error.message}`,
    );
  }
}

function cannotPack(dir: string, reason: string): RunOutputsError {
  return new RunOutputsError("invalid", `Cannot pack '${dir}': ${reason}`);
}

/** The extensions of archives, of artifacts or not. */
const ARCHIVE = /\.(?:tar(?:\.[a-z0-9]+)?|tgz|txz|tzst|tbz2?|zst|xz|zip|7z)$/i;

/**
 * Whether a file name is that of an archive, so that skipping it may be a mistake.
 *
 * @param name The file's name.
 * @returns `true`, if it is.
 */
export function looksLikeArchive(name: string): boolean {
  return ARCHIVE.test(name);
}
