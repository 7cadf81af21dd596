/**
 * Whether an artifact is one that can be unpacked again, seen before it is uploaded.
 *
 * @module
 */

import { BadArchive } from "../../archive/tar/bad_archive.ts";
import { memberSegments, type Segments } from "../../archive/tar/member_path.ts";
import { type ArchiveMember, ARTIFACT_MANIFEST } from "../../archive/tar/members.ts";
import type { Compression } from "../../layout/artifact_name.ts";
import { diskError } from "../../errors/disk.ts";
import { quote, RunOutputsError } from "../../errors/error.ts";

/** A list of directories; anything longer is something else. */
const MAX_MANIFEST = 1024 * 1024;

/**
 * Holds a directory against its `artifact_manifest.txt`.
 *
 * A component that has no files is a directory with a manifest of blank lines and nothing else:
 * builds make them.
 *
 * @param dir The artifact's directory.
 * @param members What is in it, the manifest first.
 * @returns What a person should know, so that it reads after the path; mostly nothing.
 * @throws {RunOutputsError} `invalid`, if the manifest is missing or leads elsewhere, naming the
 * directory and the line; or what the disk says.
 */
export async function checkArtifactDir(
  dir: string,
  members: readonly ArchiveMember[],
): Promise<string[]> {
  const [manifest, ...content] = members;
  if (manifest?.name !== ARTIFACT_MANIFEST || manifest.type !== "file") {
    throw cannotPack(
      dir,
      `it has no ${ARTIFACT_MANIFEST}, so it is not a whole artifact: list its directories there, ` +
        "one relative path a line",
    );
  }
  const listed = parseManifest(await readManifest(dir, manifest), dir);
  if (listed.length === 0) {
    if (content.length === 0) {
      return [`is an empty artifact: its ${ARTIFACT_MANIFEST} lists nothing, and nothing is there`];
    }
    throw cannotPack(
      dir,
      `its ${ARTIFACT_MANIFEST} has only empty lines, and ${quote(content[0].name)} is there`,
    );
  }
  const stray = content.find(({ name, type }) => {
    const segments = name.split("/");
    return !listed.some((path) =>
      startsWith(segments, path) || (type === "directory" && startsWith(path, segments))
    );
  });
  if (stray === undefined) return [];
  return [
    `has ${quote(stray.name)}, which is under no path that its ${ARTIFACT_MANIFEST} lists: ` +
    "'fetch --flatten' and '--bootstrap' will refuse it",
  ];
}

async function readManifest(dir: string, { path, size }: ArchiveMember): Promise<string> {
  if (size > MAX_MANIFEST) {
    throw cannotPack(dir, `its ${ARTIFACT_MANIFEST} has ${size} bytes, more than a list of paths`);
  }
  const bytes = await Deno.readFile(path).catch((error) => {
    throw diskError("read", path, error);
  });
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw cannotPack(dir, `its ${ARTIFACT_MANIFEST} is not UTF-8`);
  }
}

function parseManifest(text: string, dir: string): Segments[] {
  return text.split("\n").flatMap((raw, i) => {
    const line = raw.trim();
    if (line === "") return [];
    try {
      const segments = memberSegments(line);
      if (segments.length === 0) throw new BadArchive("it is the whole directory");
      return [segments];
    } catch (error) {
      if (!(error instanceof BadArchive)) throw error;
      const reason = error.message.replace(/^its name/, "it");
      throw cannotPack(
        dir,
        `line ${i + 1} of its ${ARTIFACT_MANIFEST}, ${quote(line)}, can't be used: ${reason}`,
      );
    }
  });
}

function cannotPack(dir: string, reason: string): RunOutputsError {
  return new RunOutputsError("invalid", `Cannot pack '${dir}': ${reason}`);
}

function startsWith(segments: Segments, prefix: Segments): boolean {
  return prefix.length <= segments.length && prefix.every((name, i) => name === segments[i]);
}

/** What the formats call themselves, and how their files begin. */
const FORMATS: Readonly<Record<Compression, { name: string; begins(head: Uint8Array): boolean }>> =
  {
    zst: {
      name: "zstd",
      // A frame, or one that decoders skip.
      begins: (head) =>
        hasBytes(head, [0x28, 0xb5, 0x2f, 0xfd]) ||
        (head[0] & 0xf0) === 0x50 && hasBytes(head.subarray(1), [0x2a, 0x4d, 0x18]),
    },
    xz: {
      name: "xz",
      begins: (head) => hasBytes(head, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]),
    },
  };

/**
 * Looks at the first bytes of an archive that is uploaded as it is.
 *
 * @param path The archive.
 * @param compression What its name says.
 * @returns Its size in bytes.
 * @throws {RunOutputsError} `integrity`, if it is empty or compressed otherwise; or what the disk
 * says.
 */
export async function checkReadyArchive(path: string, compression: Compression): Promise<number> {
  const head = new Uint8Array(6);
  let length: number;
  let size: number;
  try {
    using file = await Deno.open(path);
    ({ size } = await file.stat());
    length = await file.read(head) ?? 0;
  } catch (error) {
    throw diskError("read", path, error);
  }
  const { name, begins } = FORMATS[compression];
  if (begins(head.subarray(0, length))) return size;
  throw new RunOutputsError(
    "integrity",
    `Cannot upload '${path}': it is ` +
      (size === 0 ? "empty" : `no ${name} archive, though its name ends in .tar.${compression}`),
  );
}

function hasBytes(bytes: Uint8Array, expected: readonly number[]): boolean {
  return expected.every((byte, i) => bytes[i] === byte);
}

/** What archives are called, artifacts or not. */
const ARCHIVE = /\.(?:tar(?:\.[a-z0-9]+)?|tgz|txz|tzst|tbz2?|zst|xz|zip|7z)$/i;

/**
 * Whether a file is an archive by its name, so that leaving it out may not be what was meant.
 *
 * @param name The file's name.
 * @returns `true`, if it looks like one.
 */
export function looksLikeArchive(name: string): boolean {
  return ARCHIVE.test(name);
}
