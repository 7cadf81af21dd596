/**
 * The index of an export, `run-outputs.export/1`: the runs in an archive, with size and checksum of
 * each file.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../errors/error.ts";
import { parseJson } from "./parse_json.ts";
import { RunOutputRoot } from "../layout/run_output_root.ts";
import { checkKey } from "../layout/validate.ts";

/** The schema version that this version writes and reads. */
export const EXPORT_SCHEMA = "run-outputs.export/1";

/** The name of the archive member that contains the index. */
export const EXPORT_INDEX = "run-outputs.export.json";

/** A file of an exported run. */
export interface ExportedFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Its SHA-256, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Its content type. */
  readonly content_type: string;
}

/** An exported run. */
export interface ExportedRun {
  /** The bucket that it was exported from. */
  readonly bucket: string;
  /** Its prefix, `[OWNER-REPO/]RUN_ID-PLATFORM`, which is its directory in the archive too. */
  readonly prefix: string;
  /** Its files, sorted by path. */
  readonly files: readonly ExportedFile[];
}

/** The index of an export. */
export interface ExportIndex {
  /** `run-outputs.export/1` */
  readonly schema: string;
  /** The program that wrote it, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** The runs. */
  readonly runs: readonly ExportedRun[];
}

const schema = z.looseObject({
  schema: z.literal(EXPORT_SCHEMA),
  tool: z.string(),
  runs: z.array(z.looseObject({
    bucket: z.string(),
    prefix: z.string(),
    files: z.array(z.looseObject({
      path: z.string().min(1),
      size: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
      // Servers report types that are invalid in a header. Then the file name decides.
      content_type: z.string(),
    })),
  })),
});

/**
 * The root of an exported run.
 *
 * @param run The run.
 * @returns Its root, in its original bucket.
 * @throws {RunOutputsError} `invalid`, if it can be no run's.
 */
export function exportedRoot({ bucket, prefix }: ExportedRun): RunOutputRoot {
  return new RunOutputRoot({ bucket, ...RunOutputRoot.parsePrefix(prefix) });
}

/**
 * Reads the text of an index.
 *
 * @param text The text.
 * @param name The archive, for messages.
 * @returns The index; every path in it stays inside its run.
 * @throws {RunOutputsError} `integrity`, if it is invalid; `failed`, if its schema is newer.
 */
export function parseExportIndex(text: string, name: string): ExportIndex {
  const index = parseJson(text, {
    id: EXPORT_SCHEMA,
    schema,
    broken: (reason, cause) => broken(name, reason, cause),
    newer: (found) =>
      `Cannot read the export '${name}': its schema is ${quote(found)}, this version reads ` +
      `${EXPORT_SCHEMA}: use a newer run-outputs`,
  }) as ExportIndex;
  const seen = new Set<string>();
  for (const run of index.runs) {
    for (const key of [run.prefix, ...run.files.map(({ path }) => `${run.prefix}/${path}`)]) {
      if (seen.has(key)) throw broken(name, `it lists ${quote(key)} twice`);
      seen.add(key);
    }
    try {
      exportedRoot(run);
      for (const { path } of run.files) checkKey("path", path);
    } catch (error) {
      throw broken(name, (error as Error).message, error);
    }
  }
  return index;
}

/**
 * The text of an index, in pieces, with one line per file.
 *
 * @param index The index.
 * @returns Pieces of JSON.
 */
export function* exportIndexText({ schema, tool, runs }: ExportIndex): Generator<string> {
  yield `{\n  "schema": ${JSON.stringify(schema)},\n  "tool": ${JSON.stringify(tool)},\n`;
  yield '  "runs": [';
  for (const [i, { files, ...run }] of runs.entries()) {
    const members = JSON.stringify(run);
    yield `${i === 0 ? "" : ","}\n    ${members.slice(0, -1)},"files":[`;
    for (const [j, file] of files.entries()) {
      yield `${j === 0 ? "" : ","}\n      ${JSON.stringify(file)}`;
    }
    yield "\n    ]}";
  }
  yield "\n  ]\n}\n";
}

function broken(name: string, reason: string, cause?: unknown): RunOutputsError {
  const message = `Cannot read the export '${name}': its index is broken: ${reason}`;
  return new RunOutputsError("integrity", message, { cause });
}
