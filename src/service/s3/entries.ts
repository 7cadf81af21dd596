/**
 * What a listing of the service as a bucket has: the files of the runs, and nothing else.
 *
 * @module
 */

import { compareKeys } from "../../layout/compare_keys.ts";
import { OutputLocation } from "../../layout/output_location.ts";
import { hasReservedName, isReservedName } from "../../layout/reserved_names.ts";
import type { RunIndex } from "../../operations/retained/run_index.ts";
import { tryParseKeyInRun } from "../../runs/retention/run_key.ts";
import type { Child } from "../../storage/backend.ts";
import type { FileStore } from "../objects/stored_file.ts";

/** An entry of a listing: a file, or with a final `/` a group of deeper keys. */
export interface Entry {
  /** The key. */
  readonly key: string;
  /** The file; `undefined` for a group. */
  readonly child?: Child;
}

/** What is listed. */
export interface EntriesOptions {
  /** The runs. */
  readonly index: RunIndex;
  /** Their files. */
  readonly files: FileStore;
  /** Only keys that begin with this. */
  readonly prefix: string;
  /** Whether keys with a `/` after the prefix are grouped up to it. */
  readonly isLevel: boolean;
  /** Only keys after this one. Directories before it are not read. */
  readonly after: string;
}

/**
 * Lists keys, in the order of their bytes.
 *
 * @param options What is listed.
 * @returns The entries, each once.
 */
export async function* entries(options: EntriesOptions): AsyncGenerator<Entry> {
  const { index, prefix, isLevel, after } = options;
  const directory = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  if (tryParseKeyInRun(directory) !== undefined) {
    if (!hasReservedName(directory)) yield* below(options, directory);
    return;
  }
  const groups = new Set<string>();
  const runs = (await index.enumerate()).map((run) => `${index.root(run).prefix}/`)
    .filter((run) => run.startsWith(prefix))
    .sort(compareKeys);
  for (const run of runs) {
    if (!isLevel) {
      if (endsBefore(run, after)) continue;
      yield* below(options, run);
      continue;
    }
    const end = run.indexOf("/", prefix.length) + 1;
    const key = run.slice(0, end);
    if (groups.has(key) || compareKeys(key, after) <= 0) continue;
    groups.add(key);
    yield { key };
  }
}

/** Whether all keys of a directory come before a key. */
function endsBefore(directory: string, after: string): boolean {
  return !after.startsWith(directory) && compareKeys(directory, after) < 0;
}

/** The entries of a directory in a run. */
async function* below(options: EntriesOptions, directory: string): AsyncGenerator<Entry> {
  const { index, files, prefix, isLevel, after } = options;
  let location: OutputLocation;
  try {
    location = new OutputLocation(index.bucket, directory.slice(0, -1));
  } catch {
    // No file can have such a name.
    return;
  }
  for (const entry of inOrder(await files.list(location) ?? [])) {
    if (!entry.key.startsWith(prefix)) continue;
    if (entry.child !== undefined || isLevel) {
      if (compareKeys(entry.key, after) > 0) yield entry;
    } else if (!endsBefore(entry.key, after)) yield* below(options, entry.key);
  }
}

/** The entries of a directory, in the order of S3: a directory's name ends with `/`. */
function inOrder(children: readonly Child[]): Entry[] {
  return children
    .filter(({ location }) => !isReservedName(location.name))
    .map((child): Entry =>
      child.info === undefined
        ? { key: `${child.location.key}/` }
        : { key: child.location.key, child }
    )
    .sort((a, b) => compareKeys(a.key, b.key));
}
