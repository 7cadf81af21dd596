/**
 * The APT repository of uploaded `.deb` files.
 *
 * `Release` lists `Packages` and `Packages.gz` with their hashes, and `apt` downloads them by hash:
 * an older `Release` refers to the older lists, which stay. The files with plain names are for
 * clients that do not use hashes.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { createHash } from "node:crypto";
import {
  type AptEntry,
  aptEntry,
  type AptRelease,
  formatPackages,
  formatRelease,
  parsePackages,
  parseRelease,
} from "../../archive/packages/apt_metadata.ts";
import { readDeb } from "../../archive/packages/deb.ts";
import { BadArchive } from "../../archive/tar/bad_archive.ts";
import { RunOutputsError } from "../../errors/error.ts";
import {
  APT_COMPONENT,
  APT_SUITE,
  AptRepository,
  REPOSITORY_ARCHITECTURE,
} from "../../layout/package_repository.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { statIfThere } from "../../storage/if_there.ts";
import type { Attempt, Repository } from "./closing.ts";
import { PackageFiles } from "./package_files.ts";
import { putByHash, putShared, readStored, sha256Of } from "./stored_bytes.ts";

const ARCHITECTURE = REPOSITORY_ARCHITECTURE.deb;

/** The directory of the indexes, relative to `Release`. */
const INDEXES = `${APT_COMPONENT}/binary-${ARCHITECTURE}`;

/** Signatures of `Release`. A signed file cannot be replaced without the key. */
const SIGNED = ["InRelease", "Release.gpg"];

/** Options of {@linkcode aptRepository}. */
export interface AptRepositoryOptions {
  /** The job type in the label: `ci`, `nightly`. */
  readonly jobType: string;
  /** The current time. Default: now. */
  readonly now?: () => Date;
}

/**
 * The APT repository of a run.
 *
 * @param root The run.
 * @param options The label.
 * @returns The repository, to which packages can be added.
 */
export function aptRepository(
  root: OutputPaths,
  { jobType, now = () => new Date() }: AptRepositoryOptions,
): Repository<AptEntry> & { readonly place: AptRepository } {
  const place = new AptRepository(root);
  const files = new PackageFiles<AptEntry>({
    async read(source, location, signal) {
      const control = await readDeb(source, signal);
      const architecture = control.get("Architecture")!;
      if (architecture !== ARCHITECTURE && architecture !== "all") {
        throw new BadArchive(
          `its architecture is ${architecture}, the repository is of ${ARCHITECTURE}`,
        );
      }
      return (hashes) => aptEntry(control, location.relativeTo(place.dir)!, hashes);
    },
  });
  const fields = {
    Origin: "AMD ROCm",
    Label: `ROCm ${jobType} Packages`,
    Suite: APT_SUITE,
    Codename: APT_SUITE,
    Architectures: ARCHITECTURE,
    Components: APT_COMPONENT,
  };
  return {
    place,
    files,
    head: place.release(),
    shared: [place.index("Packages"), place.index("Packages.gz")],
    decide: (attempt) => decide(place, files, { fields, now }, attempt),
  };
}

async function decide(
  place: AptRepository,
  files: PackageFiles<AptEntry>,
  { fields, now }: { readonly fields: Record<string, string>; readonly now: () => Date },
  attempt: Attempt,
) {
  const { backend, packages, show = String, signal, onFile, onKept } = attempt;
  await refuseSigned(place, attempt);
  // These come before `Release`: if another upload replaces them later, the write is rejected.
  const plain = {
    Packages: await readStored(backend, place.index("Packages"), attempt),
    "Packages.gz": await readStored(backend, place.index("Packages.gz"), attempt),
  };
  const stored = await readStored(backend, place.release(), attempt);
  const before = stored && parseRelease(decode(stored.bytes));
  const text = before === undefined
    ? plain.Packages?.bytes
    : await listedPackages(place, before, plain.Packages?.bytes, attempt);
  const entries = new Map(
    (text === undefined ? [] : parsePackages(decode(text))).map((one) => [one.fileName, one]),
  );
  const { entries: added, kept } = await files.missing(
    backend,
    packages,
    (location) => entries.get(location.relativeTo(place.dir)!),
    { show, signal },
  );
  onKept(kept);
  for (const entry of added) entries.set(entry.fileName, entry);

  if (before !== undefined && text !== undefined) {
    // The file with the plain name is replaced before `Release`: until then, the content listed in
    // `Release` stays available by hash, also if this upload is killed.
    const sha256 = sha256Of(text);
    const list = { location: place.byHash(sha256), path: "the repository's Packages", bytes: text };
    const put = await putByHash(backend, { ...list, sha256 }, { signal });
    if (put.outcome !== "unchanged") onFile(put, false);
  }
  const bytes = added.length === 0 && text !== undefined
    ? text
    : new TextEncoder().encode(formatPackages(entries.values()));
  const contents = { Packages: bytes, "Packages.gz": new Uint8Array(gzipSync(bytes)) };
  const indexes = Object.fromEntries(
    Object.entries(contents).map(([name, bytes]) => [`${INDEXES}/${name}`, hashesOf(bytes)]),
  );
  for (const [name, bytes] of Object.entries(contents)) {
    const { sha256 } = indexes[`${INDEXES}/${name}`];
    const file = { path: `the repository's ${name}`, bytes, sha256 };
    const byHash = { ...file, location: place.byHash(sha256) };
    onFile(await putByHash(backend, byHash, { signal }), false);
  }
  for (const [name, bytes] of Object.entries(contents)) {
    const { sha256 } = indexes[`${INDEXES}/${name}`];
    const location = place.index(name as keyof typeof contents);
    const file = { location, path: `the repository's ${name}`, bytes, sha256 };
    onFile(await putShared(backend, file, plain[name as keyof typeof plain], { signal }), true);
  }
  const isComplete = before !== undefined && before.fields.get("Acquire-By-Hash") === "yes" &&
    Object.entries(indexes).every(([path, { sha256 }]) =>
      before.files.get(path)?.sha256 === sha256
    );
  if (isComplete) return { existing: stored!.info };
  const release = formatRelease({
    before,
    fields,
    date: now(),
    // Lists in other compressions are outdated.
    isKept: (path) => !path.startsWith(`${INDEXES}/Packages`),
    indexes,
  });
  const encoded = new TextEncoder().encode(release);
  return { existing: stored?.info, source: { ...bytesSource(encoded), sha256: sha256Of(encoded) } };
}

/** The list in `Release`, by hash or, in a repository of another tool, by name. */
async function listedPackages(
  place: AptRepository,
  before: AptRelease,
  plain: Uint8Array | undefined,
  { backend, show = String, signal }: Attempt,
): Promise<Uint8Array | undefined> {
  const listed = before.files.get(`${INDEXES}/Packages`);
  if (listed === undefined) {
    throw new BadArchive(`Release has no SHA256 of ${INDEXES}/Packages`);
  }
  if (plain !== undefined && sha256Of(plain) === listed.sha256) return plain;
  const byHash = await readStored(backend, place.byHash(listed.sha256), { show, signal });
  const actual = byHash && sha256Of(byHash.bytes);
  if (actual === listed.sha256) return byHash!.bytes;
  throw new RunOutputsError(
    "integrity",
    `Cannot add packages to the repository of ${show(place.release())}: it expects Packages with ` +
      `sha256 ${listed.sha256}, there is ${
        plain === undefined ? "none" : sha256Of(plain)
      }. Another ` +
      "upload may be in progress: upload again when it is done",
  );
}

async function refuseSigned(
  place: AptRepository,
  { backend, show = String, signal }: Attempt,
): Promise<void> {
  for (const name of SIGNED) {
    const location = place.suite.join(name);
    if (await statIfThere(backend, location, signal) === undefined) continue;
    throw new RunOutputsError(
      "failed",
      `Cannot add packages to the repository of ${show(place.release())}: it is signed ` +
        `(${
          show(location)
        }), and changing it would break the signature. Upload the whole repository ` +
        "instead of loose packages",
    );
  }
}

function hashesOf(bytes: Uint8Array) {
  const hex = (name: string) => createHash(name).update(bytes).digest("hex");
  return { size: bytes.length, md5: hex("md5"), sha1: hex("sha1"), sha256: hex("sha256") };
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
