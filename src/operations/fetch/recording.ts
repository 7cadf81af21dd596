/**
 * What a fetch adds to the record of its output directory, and what it removes of earlier fetches.
 *
 * A fetch from the same run adds to the directory, and replaces the archives that it fetches again.
 * A fetch from another run replaces everything.
 *
 * @module
 */

import { basename, join } from "node:path";
import type { CommitAmendment, PlacedArchive } from "../../archive/unpack/placed.ts";
import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { writeFileAtomic } from "../../storage/local/atomic_file.ts";
import type { DownloadItem } from "../../storage/transfer/download.ts";
import { look, readTextFile } from "../../storage/local/look.ts";
import {
  type FetchedRecord,
  formatRecord,
  isUnsettled,
  NO_RECORD,
  parseRecord,
  RECORD_NAME,
  type RecordedEntry,
  type RecordedMode,
  type RecordedRun,
  type RecordedUnit,
  recordOf,
  unitsOf,
} from "./fetched_record.ts";
import { inspect, type Inspection, isBelow, isUnchanged } from "./inspect.ts";

/** A run that a fetch takes archives from. */
export interface FetchSource {
  /** Its location. */
  readonly root: RunOutputRoot;
  /** How it is recorded. */
  readonly run: RecordedRun;
}

/** How a fetch records what it puts into its output directory. */
export interface FetchRecording {
  /** The runs of the plan. */
  readonly sources: readonly FetchSource[];
  /** Keep the files of other runs, and earlier versions of archives. Default: they are removed. */
  readonly keepOld?: boolean;
  /** The current time. Default: now. */
  readonly now?: () => Date;
  /** Called after something of earlier fetches was removed, or could not be. */
  readonly onRemoved?: (removed: RemovedOld) => void;
}

/** What a fetch has removed of earlier ones, and what stays. */
export interface RemovedOld {
  /** The other runs. */
  readonly runs: readonly RecordedRun[];
  /** The number of removed files that this fetch does not have. */
  readonly files: number;
  /** Files of earlier fetches that were changed since, and stay. */
  readonly changed: readonly string[];
  /** What no fetch has put into the directories of removed files; `/` at the end means a directory. */
  readonly foreign: readonly string[];
  /**
   * Files that were changed, or that no fetch has put there, in directories that this fetch has
   * replaced as a whole. They are gone.
   */
  readonly lost: readonly string[];
  /** Files of earlier fetches that were changed since, and that this fetch has replaced by its own. */
  readonly replaced: readonly string[];
}

/** A fetch into a directory with a record. */
export class Recorder {
  readonly #directory: string;
  readonly #recording: FetchRecording;
  readonly #mode: RecordedMode;
  readonly #items: readonly DownloadItem[];
  readonly #keepArchives: boolean;
  readonly #units: readonly RecordedUnit[];
  /** The text of the record, as it was read. */
  readonly #text: string;
  readonly #going: ReadonlySet<RecordedUnit>;
  #replaced: ReadonlySet<string> = new Set();
  #lost: readonly string[] = [];
  #overwritten: readonly string[] = [];
  #found?: Inspection<Located>;
  /** What this fetch puts into the directory. */
  #now: readonly RecordedUnit[] = [];

  private constructor(options: RecorderOptions, record: FetchedRecord) {
    this.#directory = options.directory;
    this.#recording = options.recording;
    this.#mode = options.mode;
    this.#items = options.items;
    this.#keepArchives = options.keepArchives ?? false;
    this.#units = unitsOf(record);
    this.#text = formatRecord(record);
    this.#going = new Set(this.#units.filter((unit) => this.#isGoing(unit)));
  }

  /**
   * Reads the record. The directory must be locked, and no interrupted fetch left in it.
   *
   * @param options The fetch.
   * @returns What the fetch does with the record.
   * @throws {RunOutputsError} `failed`, if the record cannot be used; or errors of the disk.
   */
  static async open(options: RecorderOptions): Promise<Recorder> {
    return new Recorder(options, await readRecord(options.directory));
  }

  /** Whether the directory has everything that the fetch would put there, and nothing else to do. */
  isUpToDate(): boolean {
    if (this.#items.length === 0) return false;
    const modes = this.#keepArchives ? [this.#mode, "packed" as const] : [this.#mode];
    const current = new Set<RecordedUnit>();
    for (const item of this.#items) {
      for (const mode of modes) {
        const unit = this.#units.find((unit) =>
          unit.name === item.location.name && unit.mode === mode && !unit.overlaid &&
          unit.sha256 !== undefined && unit.sha256 === item.sha256 &&
          isSameRun(unit.run, this.#runOf(item))
        );
        if (unit === undefined) return false;
        current.add(unit);
      }
    }
    if ([...this.#going].some((unit) => !current.has(unit))) return false;
    return [...current].every(({ files }) =>
      files.every((file) => !isUnsettled(file) && isUnchanged(this.#directory, file))
    );
  }

  /**
   * What the fetch would remove.
   *
   * @returns Files that are removed or replaced, as far as this is known before the download.
   */
  preview(): RemovedOld {
    const names = this.#mode === "packed" ? this.#items.map(({ path }) => basename(path)) : [];
    const { removals, changed, foreign } = this.#inspect(new Set(names));
    return {
      runs: this.#otherRuns(),
      files: removals.filter(({ directory }) => !directory).length,
      changed: changed.map(({ path }) => path),
      foreign,
      lost: [],
      replaced: [],
    };
  }

  /** What the commit of the fetch removes, and the record that it writes. */
  amendment(): CommitAmendment {
    return {
      remove: (replaced) => {
        this.#replaced = replaced;
        this.#lost = [...replaced].flatMap((path) => this.#othersIn(path));
        return (this.#found = this.#inspect(new Set())).removals;
      },
      record: (placed) => ({ name: RECORD_NAME, text: formatRecord(this.#next(placed)) }),
    };
  }

  /** Reports what was removed, after the commit. */
  report(): void {
    const found = this.#found;
    const { onRemoved } = this.#recording;
    if (found === undefined || onRemoved === undefined) return;
    const ours = new Set(pathsOf(this.#now));
    const isOurs = (path: string) => ours.has(path) || isBelow(path, this.#replaced);
    const files = found.removals.filter(({ path, directory }) => !directory && !ours.has(path));
    const all = found.changed.map(({ path }) => path);
    const changed = all.filter((path) => !isOurs(path));
    const replaced = [
      ...this.#overwritten,
      ...all.filter((path) => ours.has(path) && !isBelow(path, this.#replaced)),
    ];
    const runs = this.#otherRuns();
    const foreign = runs.length === 0 ? [] : found.foreign.filter((path) => !isOurs(path));
    const lost = this.#lost;
    const count = changed.length + foreign.length + lost.length + replaced.length;
    if (files.length + count === 0) return;
    onRemoved({ runs, files: files.length, changed, foreign, lost, replaced });
  }

  /**
   * For a fetch that does not unpack: records its archives before they are downloaded, so that a
   * killed fetch leaves nothing that no record has.
   *
   * @returns The paths of recorded archives that were changed since, which this fetch replaces.
   */
  async begin(): Promise<string[]> {
    const files = new Map(
      this.#units.flatMap((unit) => unit.files.map((file) => [file.path, { file, unit }] as const)),
    );
    const pending: RecordedUnit[] = [];
    const changed: string[] = [];
    for (const item of this.#items) {
      const archive = this.#archive(item);
      const before = files.get(basename(item.path));
      if (before !== undefined && isUnchanged(this.#directory, before.file)) {
        if (item.sha256 !== undefined && before.unit.sha256 === item.sha256) continue;
        const { size, mtime } = before.file;
        const was = mtime === undefined ? before.file.was : { size, mtime };
        pending.push({ ...archive, files: archive.files.map((file) => ({ ...file, was })) });
      } else {
        pending.push(archive);
        if (before !== undefined && !isUnsettled(before.file) && await look(item.path)) {
          changed.push(before.file.path);
        }
      }
    }
    if (pending.length > 0) await this.#write(recordOf([...this.#units, ...pending]));
    return changed;
  }

  /**
   * For a fetch that does not unpack: records what exists now and, if nothing has failed, removes
   * what earlier fetches have left.
   *
   * @param written The archives that are in the directory.
   * @param whole Whether nothing has failed.
   * @param overwritten What {@linkcode begin} has returned.
   */
  async end(
    written: readonly DownloadItem[],
    whole: boolean,
    overwritten: readonly string[] = [],
  ): Promise<void> {
    this.#overwritten = overwritten;
    const units = written.map((item) => this.#asBefore(this.#settled(this.#archive(item))));
    this.#now = units;
    if (!whole) {
      const rest = this.#units.map((unit) => this.#isPending(unit) ? this.#settled(unit) : unit);
      const others = rest.filter((unit) => !units.includes(unit));
      return await this.#write(recordOf([...others, ...units]));
    }
    this.#found = this.#inspect(new Set(pathsOf(units)));
    for (const { path, directory } of this.#found.removals) {
      await Deno.remove(join(this.#directory, path)).catch((error) => {
        // Somebody has put a file into the directory.
        if (directory || error instanceof Deno.errors.NotFound) return;
        throw diskError("remove", join(this.#directory, path), error);
      });
    }
    await this.#write(recordOf([...this.#staying(), ...units]));
    this.report();
  }

  /** Records the times of kept archives, once they are in place. */
  async settle(): Promise<void> {
    const units = unitsOf(await readRecord(this.#directory));
    await this.#write(
      recordOf(units.map((unit) => this.#isPending(unit) ? this.#settled(unit) : unit)),
    );
  }

  /** The same archive as it is recorded already, or itself. */
  #asBefore(unit: RecordedUnit): RecordedUnit {
    const text = ({ name, mode, run, size, sha256, overlaid, files }: RecordedUnit) =>
      JSON.stringify([name, mode, run, size, sha256, overlaid, files]);
    return this.#units.find((before) => text(before) === text(unit)) ?? unit;
  }

  /** Whether an archive is one of this fetch, and its file has no known time. */
  #isPending({ name, mode, files }: RecordedUnit): boolean {
    return mode === "packed" && files.some(isUnsettled) &&
      this.#items.some(({ location }) => location.name === name);
  }

  /** Adds the time of an archive that exists; one that does not is left out. */
  #settled(unit: RecordedUnit): RecordedUnit {
    const files = unit.files.flatMap((file): RecordedEntry[] => {
      const path = join(this.#directory, file.path);
      try {
        const { isFile, size, mtime } = Deno.lstatSync(path);
        // The file that a failed download did not replace.
        if (!isFile || file.was !== undefined || file.size !== undefined && file.size !== size) {
          return [file];
        }
        return [{ path: file.path, size, mtime: mtime?.getTime() }];
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return [];
        throw diskError("read", path, error);
      }
    });
    return { ...unit, files };
  }

  async #write(record: FetchedRecord): Promise<void> {
    const path = join(this.#directory, RECORD_NAME);
    const text = formatRecord(record);
    if (text === this.#text) return;
    if (record.archives.length === 0) {
      await Deno.remove(path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw diskError("remove", path, error);
      });
      return;
    }
    await writeFileAtomic(path, oneChunk(text));
  }

  #inspect(ours: ReadonlySet<string>): Inspection<Located> {
    const entries = this.#units.flatMap((unit) => unit.files.map((file) => ({ ...file, unit })));
    return inspect(this.#directory, entries, {
      isGoing: ({ unit, path }) => this.#going.has(unit) && !ours.has(path),
      except: this.#replaced,
    });
  }

  /** What is in a directory, except what fetches have put there; nothing, if they never have. */
  #othersIn(directory: string): string[] {
    const start = `${directory}/`;
    const entries = this.#units.flatMap(({ files }) =>
      files.filter(({ path }) => path.startsWith(start) && path !== start)
    ).map((entry) => ({ ...entry, path: entry.path.slice(start.length) }));
    if (entries.length === 0) return [];
    const path = join(this.#directory, directory);
    const { changed, foreign } = inspect(path, entries, { everywhere: true });
    return [...changed.map(({ path }) => path), ...foreign].map((path) => start + path);
  }

  #next(placed: readonly PlacedArchive[]): FetchedRecord {
    const entries = new Map(placed.map(({ name, entries }) => [name, entries]));
    const units: RecordedUnit[] = [];
    for (const item of this.#items) {
      const archive = this.#archive(item);
      if (this.#keepArchives) units.push({ ...archive, mode: "packed" });
      units.push({ ...archive, files: entries.get(item.location.name) ?? [] });
    }
    this.#now = units;
    return recordOf([...this.#staying(), ...units]);
  }

  /** The archives of earlier fetches that stay. */
  #staying(): RecordedUnit[] {
    const others = this.#units.filter((unit) =>
      !this.#going.has(unit) && !this.#now.includes(unit)
    );
    return others.map((unit) => {
      const files = unit.files.filter(({ path }) => !isBelow(path, this.#replaced));
      return files.length === unit.files.length ? unit : { ...unit, files, overlaid: true };
    });
  }

  /** An archive of this fetch that is kept as a file, and whose time is not known yet. */
  #archive(item: DownloadItem): RecordedUnit {
    const { location: { name }, size, sha256, path } = item;
    const { now = () => new Date() } = this.#recording;
    return {
      name,
      run: this.#runOf(item),
      mode: this.#mode,
      size,
      sha256,
      fetched_at: now().toISOString(),
      files: [{ path: basename(path), size, sha256 }],
    };
  }

  #isGoing({ name, mode, run }: RecordedUnit): boolean {
    const { keepOld = false, sources } = this.#recording;
    if (keepOld) return false;
    if (!sources.some((source) => isSameBuild(run, source.run))) return true;
    const isReplaced = mode === this.#mode || this.#keepArchives && mode === "packed";
    return isReplaced && this.#items.some(({ location }) => isSameArtifact(location.name, name));
  }

  #otherRuns(): RecordedRun[] {
    const { sources } = this.#recording;
    const runs = new Set([...this.#going].map(({ run }) => run));
    return [...runs].filter((run) => !sources.some((source) => isSameBuild(run, source.run)));
  }

  #runOf({ location }: DownloadItem): RecordedRun {
    const source = this.#recording.sources.find(({ root }) =>
      location.relativeTo(root.root()) !== undefined
    );
    if (source !== undefined) return source.run;
    throw new RunOutputsError("invalid", `Cannot record ${location}: it is in none of the runs`);
  }
}

type Located = RecordedEntry & { readonly unit: RecordedUnit };

/** Options of {@linkcode Recorder.open}. */
export interface RecorderOptions {
  /** The output directory. */
  readonly directory: string;
  /** What to record. */
  readonly recording: FetchRecording;
  /** What is done with the archives. */
  readonly mode: RecordedMode;
  /** The archives. */
  readonly items: readonly DownloadItem[];
  /** Whether the archives are kept beside their content. */
  readonly keepArchives?: boolean;
}

/**
 * Reads the record of a directory.
 *
 * @param directory The directory.
 * @returns The record; an empty one, if there is none.
 * @throws {RunOutputsError} `failed`, if it cannot be used; or errors of the disk.
 */
export async function readRecord(directory: string): Promise<FetchedRecord> {
  const path = join(directory, RECORD_NAME);
  const info = await look(path);
  if (info === undefined) return NO_RECORD;
  // A pipe would wait for its other end.
  if (!info.isFile) return parseRecord("", path);
  const text = await readTextFile(path);
  return text === undefined ? NO_RECORD : parseRecord(text, path);
}

function pathsOf(units: readonly RecordedUnit[]): string[] {
  return units.flatMap(({ files }) => files.map(({ path }) => path));
}

async function* oneChunk(text: string): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield new TextEncoder().encode(text);
}

/** Whether two runs are the same one. A local build has no id of its own. */
function isSameRun(a: RecordedRun, b: RecordedRun): boolean {
  return a.prefix === b.prefix && (a.run_id !== "local" || a.source === b.source);
}

/** Whether archives of two runs belong together: of one run, or searched for by one commit. */
function isSameBuild(a: RecordedRun, b: RecordedRun): boolean {
  const { commit, repository } = a;
  return isSameRun(a, b) ||
    a.by_commit === true && b.by_commit === true && commit !== undefined &&
      commit === b.commit && repository === b.repository && a.platform === b.platform;
}

/** An artifact is the same in all compressions. */
function isSameArtifact(a: string, b: string): boolean {
  const plain = (name: string) => name.replace(/\.tar\.(?:zst|xz|gz)$/, "");
  return plain(a) === plain(b);
}
