/**
 * The record of what fetches have put into an output directory: a file at its top. Pure.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { PlacedEntry } from "../../archive/unpack/placed.ts";
import { hasReservedName } from "../../layout/reserved_names.ts";

/** The name of the record. No archive can bring a file of this name. */
export const RECORD_NAME = ".run-outputs-fetched.json";

/** The version of the format. */
export const RECORD_SCHEMA = "run-outputs.fetched/1";

const FAMILY = "run-outputs.fetched/";

/** What was done with an archive. */
export type RecordedMode = "extract" | "flatten" | "bootstrap" | "packed";

const MODES: readonly unknown[] = ["extract", "flatten", "bootstrap", "packed"];

/** A run that a fetch took archives from. */
export interface RecordedRun {
  /** Its id. */
  readonly run_id: string;
  /** The platform that it builds for. */
  readonly platform: string;
  /** Its prefix in a bucket or a staging directory. */
  readonly prefix: string;
  /** Where it was fetched from: an S3 URI or a directory. */
  readonly source: string;
  /** The repository, `OWNER/NAME`, if it is known. */
  readonly repository?: string;
  /** The commit that was built, if it is known. */
  readonly commit?: string;
  /** Whether the fetch named a commit or a branch, and not the run. */
  readonly by_commit?: boolean;
}

/** An archive that a fetch has put into the directory, unpacked or not. */
export interface RecordedArchive {
  /** Its file name. */
  readonly name: string;
  /** Its run: an index into the runs of the record. */
  readonly run: number;
  /** What was done with it. */
  readonly mode: RecordedMode;
  /** Its size in bytes, if it was known. */
  readonly size?: number;
  /** Its SHA-256, if it was known. */
  readonly sha256?: string;
  /** When it was fetched, as an ISO 8601 time. */
  readonly fetched_at: string;
  /** Whether a later fetch has replaced or removed some of its files. */
  readonly overlaid?: boolean;
}

/** A file, a link or an empty directory. */
export interface RecordedEntry extends PlacedEntry {
  /** The SHA-256 of an archive whose time is not known, because its download did not end. */
  readonly sha256?: string;
  /** Size and time of the file that such a download replaces, if that is from a fetch too. */
  readonly was?: { readonly size?: number; readonly mtime?: number };
}

/** An entry of a record. */
export interface RecordedFile extends RecordedEntry {
  /** The archive that it comes from: an index into the archives of the record. */
  readonly archive: number;
}

/**
 * Whether an entry is an archive whose download did not end, as far as the record knows.
 *
 * @param entry The entry.
 * @returns `true`, if its time is not known.
 */
export function isUnsettled({ path, mtime, link }: RecordedEntry): boolean {
  return mtime === undefined && link === undefined && !path.endsWith("/");
}

/** What fetches have put into a directory. */
export interface FetchedRecord {
  /** The runs. */
  readonly runs: readonly RecordedRun[];
  /** The archives. */
  readonly archives: readonly RecordedArchive[];
  /** The files sorted by path; each path is there once. */
  readonly files: readonly RecordedFile[];
}

/** The record of a directory without one. */
export const NO_RECORD: FetchedRecord = { runs: [], archives: [], files: [] };

/** An archive with its run and its files. */
export interface RecordedUnit extends Omit<RecordedArchive, "run"> {
  /** Its run. */
  readonly run: RecordedRun;
  /** Its files. */
  readonly files: readonly RecordedEntry[];
}

/**
 * The archives of a record, each with its files.
 *
 * @param record The record.
 * @returns The archives in their order.
 */
export function unitsOf({ runs, archives, files }: FetchedRecord): RecordedUnit[] {
  const units = archives.map((archive) => ({
    ...archive,
    run: runs[archive.run],
    files: [] as RecordedEntry[],
  }));
  for (const { archive, ...entry } of files) units[archive].files.push(entry);
  return units;
}

/**
 * Makes a record of archives.
 *
 * @param units The archives. If two have the same path, the later one has put it there.
 * @returns The record, without archives of which nothing is left.
 */
export function recordOf(units: readonly RecordedUnit[]): FetchedRecord {
  const owners = new Map<string, { readonly unit: RecordedUnit; readonly entry: RecordedEntry }>();
  const overlaid = new Set<RecordedUnit>();
  for (const unit of units) {
    for (const entry of unit.files) {
      const before = owners.get(entry.path);
      if (before !== undefined) overlaid.add(before.unit);
      owners.set(entry.path, { unit, entry });
    }
  }
  const left = new Set(Array.from(owners.values(), ({ unit }) => unit));
  const kept = units.filter((unit) => left.has(unit));
  const runs = [...new Set(kept.map(({ run }) => run))];
  const unique = runs.filter((run, i) => runs.findIndex((other) => isSame(run, other)) === i);
  const places = new Map(kept.map((unit, i) => [unit, i]));
  return {
    runs: unique,
    archives: kept.map((unit) => {
      const { files: _, run, ...archive } = unit;
      const index = unique.findIndex((other) => isSame(run, other));
      return { ...archive, run: index, ...overlaid.has(unit) && { overlaid: true } };
    }),
    files: Array.from(owners.values(), ({ unit, entry }) => ({
      ...entry,
      archive: places.get(unit)!,
    })).sort((a, b) => a.path < b.path ? -1 : 1),
  };
}

function isSame(a: RecordedRun, b: RecordedRun): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/**
 * The text of a record: JSON with one file per line.
 *
 * @param record The record.
 * @returns The text.
 */
export function formatRecord({ runs, archives, files }: FetchedRecord): string {
  const lines = (list: readonly object[]) => list.map((one) => JSON.stringify(one)).join(",\n");
  return `{"schema":${JSON.stringify(RECORD_SCHEMA)},\n"runs":[\n${lines(runs)}\n],\n` +
    `"archives":[\n${lines(archives)}\n],\n"files":[\n${lines(files)}\n]}\n`;
}

/**
 * Reads the text of a record.
 *
 * @param text The text.
 * @param path Where it was read, for messages.
 * @returns The record.
 * @throws {RunOutputsError} `failed`, if it is damaged, or its schema is newer.
 */
export function parseRecord(text: string, path: string): FetchedRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw unusable(path, "it is damaged");
  }
  const { schema, runs, archives, files } = asObject(value);
  if (typeof schema === "string" && schema.startsWith(FAMILY) && schema !== RECORD_SCHEMA) {
    throw unusable(path, `its schema is ${schema}: use a newer run-outputs`);
  }
  const isValid = schema === RECORD_SCHEMA &&
    Array.isArray(runs) && runs.every((run) => isRun(asObject(run))) &&
    Array.isArray(archives) &&
    archives.every((archive) => isArchive(asObject(archive), runs.length)) &&
    Array.isArray(files) && files.every((file) => isFile(asObject(file), archives.length));
  if (!isValid) throw unusable(path, "it is damaged");
  return { runs, archives, files };
}

function isRun({ run_id, platform, prefix, source, repository, commit }: Fields): boolean {
  return [run_id, platform, prefix, source].every(isText) &&
    [repository, commit].every((value) => value === undefined || isText(value));
}

function isArchive({ name, run, mode, size, sha256, fetched_at }: Fields, runs: number): boolean {
  return isText(name) && isIndex(run, runs) && MODES.includes(mode) && isText(fetched_at) &&
    isOptionalNumber(size) && (sha256 === undefined || isText(sha256));
}

function isFile(file: Fields, archives: number): boolean {
  const { path, archive, size, mtime, link, sha256, was } = file;
  const before = asObject(was);
  return isText(path) && isInside(path) && isIndex(archive, archives) &&
    [size, mtime, before.size, before.mtime].every(isOptionalNumber) &&
    [link, sha256].every((value) => value === undefined || isText(value));
}

/** Whether a path is below the directory, and not one of our own working files. */
function isInside(path: string): boolean {
  const names = path.replace(/\/$/, "").split("/");
  return !path.includes("\0") && !(Deno.build.os === "windows" && /[\\:]/.test(path)) &&
    names.every((name) => name !== "" && name !== "." && name !== "..") && !hasReservedName(path);
}

type Fields = Readonly<Record<string, unknown>>;

function asObject(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isIndex(value: unknown, length: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < length;
}

function isOptionalNumber(value: unknown): boolean {
  return value === undefined || typeof value === "number" && Number.isFinite(value);
}

function unusable(path: string, reason: string): RunOutputsError {
  return new RunOutputsError(
    "failed",
    `Cannot use '${path}', the record of what was fetched here: ${reason}. Move it away; then ` +
      "the next fetch removes nothing of earlier fetches",
  );
}
