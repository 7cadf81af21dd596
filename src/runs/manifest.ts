/**
 * The outputs manifest: what an upload has put into a run, told by the run itself. Its schema, its
 * types, and how its text is read and made. `docs/manifest.md` tells what it is for.
 *
 * Each upload writes one part, `manifests/outputs/{part}.json`, as the last of its files. Its
 * presence says that all the files it names are there. Readers merge the parts (`merge_parts.ts`).
 *
 * Members that this version does not know are kept, so that an older tool does not lose what a
 * newer one has told.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../errors/error.ts";
import { notJson, parseText, reasonOf } from "./parse_json.ts";
import type { Layout } from "../layout/output_paths.ts";
import type { Platform } from "../layout/output_paths.ts";
import { checkKey } from "../layout/validate.ts";

/** The schema that this version writes, and reads. */
export const MANIFEST_SCHEMA = "run-outputs.manifest/1";

/** One file of a part. */
export interface OutputFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** What it is: one of {@linkcode OUTPUT_KINDS}, or a kind that a newer version knows. */
  readonly kind: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Its SHA-256, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Its content type. */
  readonly content_type: string;
  /** What a newer version tells of it. */
  readonly [member: string]: unknown;
}

/** Which run a part is of. What was not known when it was written is not there. */
export interface ManifestRun {
  /** The repository, `OWNER/NAME`. */
  readonly repository?: string;
  /** The run's id. */
  readonly run_id: string;
  /** Which attempt of the run has written this, from 1. */
  readonly run_attempt?: number;
  /** The system the run builds for. */
  readonly platform: Platform;
  /** The commit that was built. */
  readonly commit?: string;
  /** The workflow's file, such as `ci.yml`. */
  readonly workflow?: string;
  /** What a newer version tells of it. */
  readonly [member: string]: unknown;
}

/** Who has written a part, as far as a job can know of itself. */
export interface ManifestWriter {
  /** The job's id in its workflow file: the same for all jobs of a matrix. */
  readonly job?: string;
  /** The runner's name: another for each job that runs at the same time. */
  readonly runner?: string;
  /** What a newer version tells of it. */
  readonly [member: string]: unknown;
}

/** All of a part but its files. */
export interface ManifestHead {
  /** `run-outputs.manifest/1` */
  readonly schema: string;
  /** Where the run has its artifacts. */
  readonly layout: Layout;
  /** Of which run. */
  readonly run: ManifestRun;
  /** The part's name, which is that of its file too. */
  readonly part: string;
  /** When it was written, in ISO 8601. */
  readonly created_at: string;
  /** What has written it, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** Who has written it. */
  readonly writer?: ManifestWriter;
  /**
   * The index pages that were made of these files and of others: paths relative to the run's
   * prefix. They have no size and no hash, because every upload makes them anew.
   */
  readonly pages?: readonly string[];
  /** What a newer version tells. */
  readonly [member: string]: unknown;
}

/** A part: what one upload has put into a run. */
export interface ManifestPart extends ManifestHead {
  /** The files, in the order of their paths' UTF-8 bytes. */
  readonly files: readonly OutputFile[];
}

const path = () =>
  z.string().min(1).max(1024).meta({
    description: "Relative to the run's prefix: names joined by single '/', none of them '.' or " +
      "'..', without control characters.",
  });

const fileSchema = z.looseObject({
  path: path(),
  kind: z.string().min(1).meta({ description: "artifact, checksum, log, python, …" }),
  size: z.int().min(0).meta({ description: "In bytes." }),
  sha256: z.string().regex(/^[0-9a-f]{64}$/).meta({ description: "64 hex digits in lower case." }),
  content_type: z.string().min(1),
}).meta({ id: "file", description: "A file that the upload wrote, or found unchanged." });

const headShape = {
  schema: z.literal(MANIFEST_SCHEMA),
  layout: z.enum(["flat", "typed"]).meta({
    description: "Where the artifacts are: at the run's root, or under artifacts/.",
  }),
  run: z.looseObject({
    repository: z.string().regex(/^[^/]+\/[^/]+$/).optional().meta({ description: "OWNER/NAME" }),
    run_id: z.string().min(1),
    run_attempt: z.int().min(1).optional(),
    platform: z.enum(["linux", "windows"]),
    commit: z.string().min(1).optional().meta({ description: "The commit that was built." }),
    workflow: z.string().min(1).optional().meta({ description: "The workflow's file." }),
  }),
  part: z.string().min(1).meta({ description: "The part's name: this file's name without .json." }),
  created_at: z.iso.datetime({ offset: true }),
  tool: z.string().min(1).meta({ description: "The program that wrote it, and its version." }),
  writer: z.looseObject({
    job: z.string().optional().meta({
      description: "The job's id; all jobs of a matrix share it.",
    }),
    runner: z.string().optional().meta({ description: "The runner's name." }),
  }).optional(),
  pages: z.array(path()).optional().meta({
    description:
      "Index pages and metadata of package repositories, regenerated by uploads: without size and hash.",
  }),
};

/** A mark (`unfinished_part.ts`) has more members than a part. */
const headSchema = z.looseObject({
  ...headShape,
  pending: z.array(path()).optional(),
  unlisted: z.array(z.string()).optional(),
});

const partSchema = z.looseObject({ ...headShape, files: z.array(fileSchema) }).meta({
  title: MANIFEST_SCHEMA,
  description: "The files of one upload to a run. Other members are allowed and kept.",
});

/**
 * The JSON Schema of a part.
 *
 * @returns The schema, a value for `JSON.stringify`.
 */
export function manifestJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(partSchema) as Record<string, unknown>;
}

/**
 * Reads the text of a part.
 *
 * @param text The text.
 * @param name Where it was read, for messages.
 * @returns The part, unknown members included.
 * @throws {RunOutputsError} `integrity`, if it is no part: not JSON, a member that is missing or
 * wrong, a path that leads out of the run or stands there twice; `failed`, if its schema is a newer
 * one.
 *
 * @example
 * ```ts
 * import { parsePart } from "@therock/run-outputs/runs";
 *
 * const part = parsePart(JSON.stringify({
 *   schema: "run-outputs.manifest/1",
 *   layout: "flat",
 *   run: { run_id: "123", platform: "linux" },
 *   part: "build.g",
 *   created_at: "2026-11-20T12:00:00.000Z",
 *   tool: "example",
 *   files: [],
 * }), "example");
 * console.assert(part.run.run_id === "123");
 * ```
 */
export function parsePart(text: string, name: string): ManifestPart {
  let value: unknown;
  try {
    value = parseText(text);
  } catch (cause) {
    throw broken(name, notJson(cause), cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw broken(name, "it is not a JSON object");
  }
  const { files, ...head } = value as Record<string, unknown>;
  const checked = checkHead(head, name);
  if (!Array.isArray(files)) throw broken(name, "files is not a list");
  const paths = new Set<string>();
  for (const [i, file] of files.entries()) {
    const { path } = checkFile(file, i, name);
    if (paths.has(path)) throw twice(path, name);
    paths.add(path);
  }
  return { ...checked, files };
}

/**
 * Checks all of a part but its files.
 *
 * @param value What was read.
 * @param name Where, for messages.
 * @returns The same.
 * @throws {RunOutputsError} `integrity` or `failed`, as {@linkcode parsePart}.
 */
export function checkHead(value: Record<string, unknown>, name: string): ManifestHead {
  checkSchema(value.schema, name);
  const result = headSchema.safeParse(value);
  if (!result.success) throw broken(name, reasonOf(result.error));
  for (const member of ["pages", "pending"] as const) {
    for (const path of result.data[member] ?? []) checkPath(path, member, name);
  }
  return value as unknown as ManifestHead;
}

/**
 * Checks one file of a part.
 *
 * @param value What was read.
 * @param index Which of the part's files it is, from 0.
 * @param name Where, for messages.
 * @returns The same.
 * @throws {RunOutputsError} `integrity`, as {@linkcode parsePart}.
 */
export function checkFile(value: unknown, index: number, name: string): OutputFile {
  const result = fileSchema.safeParse(value);
  if (!result.success) throw broken(name, reasonOf(result.error, ["files", index]));
  checkPath(result.data.path, `files.${index}.path`, name);
  return value as OutputFile;
}

/**
 * Checks which schema a part has.
 *
 * @param schema Its member `schema`.
 * @param name Where it was read, for messages.
 * @throws {RunOutputsError} `failed`, if it is a newer one; `integrity`, if it is none.
 */
export function checkSchema(schema: unknown, name: string): void {
  if (schema === MANIFEST_SCHEMA) return;
  if (typeof schema !== "string" || !/^run-outputs\.manifest\/[1-9]\d{0,8}$/.test(schema)) {
    throw broken(name, `its schema is ${quote(schema)}, expected ${MANIFEST_SCHEMA}`);
  }
  throw new RunOutputsError(
    "failed",
    `Cannot read the outputs manifest '${name}': its schema is ${quote(schema)}, this version ` +
      `reads ${MANIFEST_SCHEMA}: use a newer run-outputs`,
  );
}

/**
 * The error of a part that is none.
 *
 * @param name Where it was read.
 * @param reason What is wrong with it.
 * @param cause The error underneath.
 * @returns An error with code `integrity`.
 */
export function broken(name: string, reason: string, cause?: unknown): RunOutputsError {
  return new RunOutputsError(
    "integrity",
    `Cannot read the outputs manifest '${name}': ${reason}`,
    { cause },
  );
}

/**
 * The error of a part that names one path twice.
 *
 * @param path The path.
 * @param name Where it was read.
 * @returns An error with code `integrity`.
 */
export function twice(path: string, name: string): RunOutputsError {
  return broken(name, `it lists ${quote(path)} twice`);
}

function checkPath(path: string, member: string, name: string): void {
  try {
    checkKey(member, path);
  } catch (error) {
    throw broken(name, (error as Error).message, error);
  }
}
