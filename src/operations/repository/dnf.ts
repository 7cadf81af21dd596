/**
 * The DNF repository of uploaded `.rpm` files.
 *
 * `repomd.xml` lists the metadata files, whose names begin with their hashes: an older `repomd.xml`
 * refers to the older metadata, which stays.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { createHash } from "node:crypto";
import { decompressInMemory } from "../../archive/compression/in_memory.ts";
import type { ArchiveFormat } from "../../archive/compression/decompress.ts";
import {
  DNF_LISTS,
  type DnfEntry,
  dnfEntry,
  type DnfList,
  formatList,
  formatRepomd,
  type PackedList,
  parseLists,
  parseRepomd,
  type RepomdData,
} from "../../archive/packages/dnf_metadata.ts";
import { readRpm } from "../../archive/packages/rpm.ts";
import { BadArchive } from "../../archive/tar/bad_archive.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { DnfRepository, REPOSITORY_ARCHITECTURE } from "../../layout/package_repository.ts";
import type { OutputPaths } from "../../layout/output_paths.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { statIfThere } from "../../storage/if_there.ts";
import type { Attempt, Repository } from "./closing.ts";
import { PackageFiles } from "./package_files.ts";
import { MAX_METADATA, putByHash, readStored, sha256Of } from "./stored_bytes.ts";

const ARCHITECTURE = REPOSITORY_ARCHITECTURE.rpm;

/**
 * The DNF repository of a run.
 *
 * @param root The run.
 * @param now The current time. Default: now.
 * @returns The repository, to which packages can be added.
 */
export function dnfRepository(
  root: OutputPaths,
  now: () => Date = () => new Date(),
): Repository<DnfEntry> & { readonly place: DnfRepository } {
  const place = new DnfRepository(root);
  const files = new PackageFiles<DnfEntry>({
    async read(source, location, signal) {
      const rpm = await readRpm(source, signal);
      if (rpm.arch !== ARCHITECTURE && rpm.arch !== "noarch") {
        throw new BadArchive(
          `its architecture is ${rpm.arch}, the repository is of ${ARCHITECTURE}`,
        );
      }
      return (hashes) => dnfEntry(rpm, location.relativeTo(place.dir)!, hashes);
    },
  });
  return {
    place,
    files,
    head: place.repomd(),
    shared: [],
    decide: (attempt) => decide(place, files, now, attempt),
  };
}

async function decide(
  place: DnfRepository,
  files: PackageFiles<DnfEntry>,
  now: () => Date,
  attempt: Attempt,
) {
  const { backend, packages, show = String, signal, onFile, onKept } = attempt;
  await refuseSigned(place, attempt);
  const stored = await readStored(backend, place.repomd(), attempt);
  const listed = stored === undefined ? [] : parseRepomd(decode(stored.bytes));
  const entries = new Map(
    (stored === undefined ? [] : await readLists(place, listed, attempt))
      .map((entry) => [entry.href, entry]),
  );
  const { entries: added, kept } = await files.missing(
    backend,
    packages,
    (location) => {
      const entry = entries.get(location.relativeTo(place.dir)!);
      return entry && { sha256: /^[0-9a-f]{64}$/.test(entry.pkgid) ? entry.pkgid : undefined };
    },
    { show, signal },
  );
  onKept(kept);
  if (added.length === 0 && stored !== undefined) return { existing: stored.info };
  for (const entry of added) entries.set(entry.href, entry);

  const lists: Partial<Record<DnfList, PackedList>> = {};
  for (const list of DNF_LISTS) {
    const open = new TextEncoder().encode(formatList(list, [...entries.values()]));
    const bytes = new Uint8Array(gzipSync(open));
    const sha256 = sha256Of(bytes);
    const location = place.metadata(`${sha256}-${list}.xml.gz`);
    const file = { location, path: `the repository's ${list}.xml.gz`, bytes, sha256 };
    onFile(await putByHash(backend, file, { signal }), false);
    lists[list] = {
      href: location.relativeTo(place.dir)!,
      sha256,
      size: bytes.length,
      openSha256: sha256Of(open),
      openSize: open.length,
    };
  }
  const others = listed.filter(({ type }) => !isOfPackages(type)).map(({ raw }) => raw);
  const seconds = Math.floor(now().getTime() / 1000);
  const text = formatRepomd(lists as Record<DnfList, PackedList>, others, seconds);
  const encoded = new TextEncoder().encode(text);
  return { existing: stored?.info, source: { ...bytesSource(encoded), sha256: sha256Of(encoded) } };
}

/** Whether a file lists packages, in this format or another; then it is outdated. */
function isOfPackages(type: string): boolean {
  return /^(?:primary|filelists|other)(?:$|[-_])/.test(type);
}

async function readLists(
  place: DnfRepository,
  listed: readonly RepomdData[],
  attempt: Attempt,
): Promise<DnfEntry[]> {
  const texts: Partial<Record<DnfList, string>> = {};
  for (const list of DNF_LISTS) {
    const data = listed.find(({ type }) => type === list);
    if (data === undefined) throw new BadArchive(`repomd.xml lists no ${list}`);
    texts[list] = decode(await readList(place, data, attempt));
  }
  return parseLists(texts as Record<DnfList, string>);
}

async function readList(
  place: DnfRepository,
  { type, href, checksum, checksumType }: RepomdData,
  { backend, show = String, signal }: Attempt,
): Promise<Uint8Array> {
  const [, name, ending] = /^repodata\/([^/]+?)(?:\.(gz|xz|zst))?$/.exec(href) ?? [];
  if (name === undefined) throw new BadArchive(`repomd.xml has ${type} at ${href}`);
  const location = place.metadata(ending === undefined ? name : `${name}.${ending}`);
  const stored = await readStored(backend, location, { show, signal });
  const actual = stored && hash(checksumType, stored.bytes);
  if (stored === undefined || actual !== checksum) {
    throw new RunOutputsError(
      "integrity",
      `Cannot add packages to the repository of ${show(place.repomd())}: it expects ` +
        `${show(location)} with ${checksumType} ${checksum}, there is ${
          actual ?? "none"
        }. Another ` +
        "upload may be in progress: upload again when it is done",
    );
  }
  return await decompressInMemory(
    stored.bytes,
    (ending ?? "tar") as ArchiveFormat,
    MAX_METADATA,
  );
}

function hash(type: string, bytes: Uint8Array): string {
  const name = type === "sha" ? "sha1" : type;
  if (!/^(?:md5|sha1|sha224|sha256|sha384|sha512)$/.test(name)) {
    throw new BadArchive(`repomd.xml has checksums of the unknown type ${type}`);
  }
  return createHash(name).update(bytes).digest("hex");
}

async function refuseSigned(
  place: DnfRepository,
  { backend, show = String, signal }: Attempt,
): Promise<void> {
  const location = place.metadata("repomd.xml.asc");
  if (await statIfThere(backend, location, signal) === undefined) return;
  throw new RunOutputsError(
    "failed",
    `Cannot add packages to the repository of ${show(place.repomd())}: it is signed ` +
      `(${
        show(location)
      }), and changing it would break the signature. Upload the whole repository ` +
      "instead of loose packages",
  );
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
