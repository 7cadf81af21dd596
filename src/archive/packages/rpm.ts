/**
 * Reads the metadata of an `.rpm`: the lead, the signature header and the header. The payload is
 * not read.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { quote } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { type PackageBytes, readPart } from "./package_bytes.ts";
import { RpmHeader } from "./rpm_header.ts";

/** Something that a package provides, requires or the like. */
export interface RpmDependency {
  /** Its name. */
  readonly name: string;
  /** The comparison of its version: `EQ`, `LT`, `GT`, `LE`, `GE`. */
  readonly flags?: string;
  /** `[EPOCH:]VERSION[-RELEASE]`, if there are `flags`. */
  readonly version: string;
  /** Whether the package's scripts need it. */
  readonly pre: boolean;
}

/** The kinds of dependencies, in the order of a repository's metadata. */
export const RPM_DEPENDENCIES = [
  "provides",
  "requires",
  "conflicts",
  "obsoletes",
  "suggests",
  "enhances",
  "recommends",
  "supplements",
] as const;

/** A file of a package. */
export interface RpmFile {
  /** Its absolute path. */
  readonly path: string;
  /** Its type; a ghost is not in the package, but belongs to it. */
  readonly type: "file" | "dir" | "ghost";
}

/** A change in a package's changelog. */
export interface RpmChange {
  /** The author. */
  readonly author: string;
  /** Its time, in seconds since 1970. */
  readonly date: number;
  /** Its description. */
  readonly text: string;
}

/** The metadata of a package. */
export interface RpmPackage {
  readonly name: string;
  readonly epoch: number;
  readonly version: string;
  readonly release: string;
  readonly arch: string;
  readonly summary: string;
  readonly description: string;
  readonly url: string;
  readonly license: string;
  readonly vendor: string;
  readonly packager: string;
  readonly group: string;
  readonly buildHost: string;
  readonly sourceRpm: string;
  /** Its build time, in seconds since 1970. */
  readonly buildTime: number;
  /** The size of the files that it installs, in bytes. */
  readonly installedSize: number;
  /** The size of its decompressed payload, in bytes. */
  readonly archiveSize: number;
  /** The range of its header: the first byte, and the one after the last. */
  readonly headerRange: { readonly start: number; readonly end: number };
  readonly dependencies: Readonly<
    Record<typeof RPM_DEPENDENCIES[number], readonly RpmDependency[]>
  >;
  readonly files: readonly RpmFile[];
  /** The changes in the package's order: the newest first. */
  readonly changes: readonly RpmChange[];
}

const LEAD = 96;

/** Tag numbers: `rpmtag.h` of rpm. */
const TAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  summary: 1004,
  description: 1005,
  buildTime: 1006,
  buildHost: 1007,
  size: 1009,
  vendor: 1011,
  license: 1014,
  packager: 1015,
  group: 1016,
  url: 1020,
  arch: 1022,
  oldFileNames: 1027,
  fileModes: 1030,
  fileFlags: 1037,
  sourceRpm: 1044,
  archiveSize: 1046,
  changeTimes: 1080,
  changeNames: 1081,
  changeTexts: 1082,
  dirIndexes: 1116,
  baseNames: 1117,
  dirNames: 1118,
  longSize: 5009,
};

/** Tags of the signature header. */
const SIGNATURE = { size: 1000, payloadSize: 1007, longSize: 270, longArchive: 271, sha256: 273 };

/** Names, flags and versions of each kind of dependency. */
const DEPENDENCY_TAGS: Readonly<
  Record<typeof RPM_DEPENDENCIES[number], readonly [number, number, number]>
> = {
  provides: [1047, 1112, 1113],
  requires: [1049, 1048, 1050],
  conflicts: [1054, 1053, 1055],
  obsoletes: [1090, 1114, 1115],
  suggests: [5049, 5051, 5050],
  enhances: [5055, 5057, 5056],
  recommends: [5046, 5048, 5047],
  supplements: [5052, 5054, 5053],
};

/** Bits of a dependency's flags: `rpmds.h` of rpm. */
const COMPARISONS: Readonly<Record<number, string>> = {
  2: "LT",
  4: "GT",
  8: "EQ",
  10: "LE",
  12: "GE",
};
const PRE = 0x40 | 0x20 | 0x80 | 0x200 | 0x400;

const GHOST = 0x40;
const FORMAT_MASK = 0o170000;
const DIRECTORY = 0o040000;

/**
 * Reads the headers of an RPM package.
 *
 * @param source The package.
 * @param signal Aborts reading.
 * @returns Its metadata.
 * @throws {BadArchive} If it is not an RPM package, or broken or incomplete, or a source package.
 */
export async function readRpm(source: PackageBytes, signal?: AbortSignal): Promise<RpmPackage> {
  await checkLead(source, signal);
  const signature = await RpmHeader.read(source, LEAD, "the signature header", signal);
  // It is padded to a multiple of 8 bytes.
  const start = LEAD + Math.ceil(signature.bytes.length / 8) * 8;
  const header = await RpmHeader.read(source, start, "the RPM header", signal);
  checkSignature(source, signature, header, start);
  const end = start + header.bytes.length;
  const text = (tag: number) => header.string(tag) ?? "";
  return {
    name: required(header, TAG.name, "name"),
    epoch: header.number(TAG.epoch) ?? 0,
    version: required(header, TAG.version, "version"),
    release: required(header, TAG.release, "release"),
    arch: required(header, TAG.arch, "architecture"),
    summary: text(TAG.summary),
    description: text(TAG.description),
    url: text(TAG.url),
    license: text(TAG.license),
    vendor: text(TAG.vendor),
    packager: text(TAG.packager),
    group: text(TAG.group),
    buildHost: text(TAG.buildHost),
    sourceRpm: text(TAG.sourceRpm),
    buildTime: header.number(TAG.buildTime) ?? 0,
    installedSize: header.number(TAG.longSize, TAG.size) ?? 0,
    archiveSize: signature.number(SIGNATURE.longArchive, SIGNATURE.payloadSize) ??
      header.number(TAG.archiveSize) ?? 0,
    headerRange: { start, end },
    dependencies: Object.fromEntries(
      RPM_DEPENDENCIES.map((kind) => [kind, dependencies(header, DEPENDENCY_TAGS[kind])]),
    ) as unknown as RpmPackage["dependencies"],
    files: files(header),
    changes: changes(header),
  };
}

async function checkLead(source: PackageBytes, signal?: AbortSignal): Promise<void> {
  const lead = await readPart(source, 0, LEAD, "the lead", signal).catch((error) => {
    if (!(error instanceof BadArchive)) throw error;
    throw new BadArchive(`it is no RPM package: ${error.message}`);
  });
  const view = new DataView(lead.buffer);
  if (view.getUint32(0) !== 0xedabeedb) {
    throw new BadArchive("it is no RPM package: it does not begin with ed ab ee db");
  }
  const format = view.getUint8(4);
  if (format !== 3 && format !== 4) throw new BadArchive(`its format is ${format}, expected 3`);
  if (view.getUint16(6) !== 0) throw new BadArchive("it is a source package");
}

/** Verifies size and hash of the signature header. */
function checkSignature(
  { size }: PackageBytes,
  signature: RpmHeader,
  header: RpmHeader,
  start: number,
): void {
  const rest = signature.number(SIGNATURE.longSize, SIGNATURE.size);
  if (rest !== undefined && start + rest !== size) {
    throw new BadArchive(`it has ${size} bytes, expected ${start + rest}`);
  }
  const sha256 = signature.string(SIGNATURE.sha256);
  if (sha256 === undefined) return;
  const actual = createHash("sha256").update(header.bytes).digest("hex");
  if (actual !== sha256) {
    throw new BadArchive(`its header has sha256 ${actual}, expected ${sha256}`);
  }
}

function required(header: RpmHeader, tag: number, what: string): string {
  const value = header.string(tag);
  if (value === undefined) throw new BadArchive(`its header has no ${what}`);
  if (!/^[\w.+~^%{}-]+$/.test(value)) {
    throw new BadArchive(`its header has a bad ${what}: ${quote(value)}`);
  }
  return value;
}

function dependencies(
  header: RpmHeader,
  [nameTag, flagsTag, versionTag]: readonly [number, number, number],
): RpmDependency[] {
  const flags = header.numbers(flagsTag);
  const versions = header.strings(versionTag);
  return header.strings(nameTag).map((name, i) => ({
    name,
    flags: COMPARISONS[(flags[i] ?? 0) & 0xf],
    version: versions[i] ?? "",
    pre: ((flags[i] ?? 0) & PRE) !== 0,
  }));
}

function files(header: RpmHeader): RpmFile[] {
  const dirs = header.strings(TAG.dirNames);
  const indexes = header.numbers(TAG.dirIndexes);
  const modes = header.numbers(TAG.fileModes);
  const flags = header.numbers(TAG.fileFlags);
  const names = header.strings(TAG.baseNames);
  const paths = names.length > 0
    ? names.map((name, i) => {
      const dir = dirs[indexes[i]];
      if (dir === undefined) {
        throw new BadArchive("the RPM header is broken: a file has no directory");
      }
      return dir + name;
    })
    : header.strings(TAG.oldFileNames);
  return paths.map((path, i) => ({
    path,
    type: ((modes[i] ?? 0) & FORMAT_MASK) === DIRECTORY
      ? "dir"
      : ((flags[i] ?? 0) & GHOST) !== 0
      ? "ghost"
      : "file",
  }));
}

function changes(header: RpmHeader): RpmChange[] {
  const times = header.numbers(TAG.changeTimes);
  const texts = header.strings(TAG.changeTexts);
  return header.strings(TAG.changeNames).map((author, i) => ({
    author,
    date: times[i] ?? 0,
    text: texts[i] ?? "",
  }));
}
