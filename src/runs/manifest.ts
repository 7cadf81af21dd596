/**
 * The outputs manifest, a run's list of its uploaded files: schema, types, parser and writer. See
 * `docs/manifest.md`.
 *
 * Each upload writes one part, `manifests/outputs/{part}.json`, after all other files: if the part
 * exists, so do all files that it lists. Readers merge the parts (`merge_parts.ts`).
 *
 * Unknown members are kept, so that an older version does not lose what a newer one wrote.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../errors/error.ts";
import { notJson, parseText, reasonOf } from "./parse_json.ts";
import type { Layout } from "../layout/output_paths.ts";
import type { Platform } from "../layout/output_paths.ts";
import { checkKey } from "../layout/validate.ts";

/** The schema version that this version writes and reads. */
export const MANIFEST_SCHEMA = "run-outputs.manifest/1";

/** One file of a part. */
export interface OutputFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its kind: one of {@linkcode OUTPUT_KINDS}, or a kind that a newer version knows. */
  readonly kind: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Its SHA-256, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Its content type. */
  readonly content_type: string;
  /** Members added by newer versions. */
  readonly [member: string]: unknown;
}

/** The run that a part belongs to. Members that were unknown when it was written are missing. */
export interface ManifestRun {
  /** The repository, `OWNER/NAME`. */
  readonly repository?: string;
  /** The run's id. */
  readonly run_id: string;
  /** The attempt of the run that wrote this, from 1. */
  readonly run_attempt?: number;
  /** The platform that the run builds for. */
  readonly platform: Platform;
  /** The commit that was built. */
  readonly commit?: string;
  /** The branch that was built; of a pull request its own. */
  readonly branch?: string;
  /** The workflow file, such as `ci.yml`. */
  readonly workflow?: string;
  /** Members added by newer versions. */
  readonly [member: string]: unknown;
}

/** The writer of a part, as far as a job knows itself. */
export interface ManifestWriter {
  /** The job's id in its workflow file, which all jobs of a matrix share. */
  readonly job?: string;
  /** The runner's name, which is different for jobs that run at the same time. */
  readonly runner?: string;
  /** Members added by newer versions. */
  readonly [member: string]: unknown;
}

/** All members of a part but its files. */
export interface ManifestHead {
  /** `run-outputs.manifest/1` */
  readonly schema: string;
  /** The layout of the run's artifacts. */
  readonly layout: Layout;
  /** The run. */
  readonly run: ManifestRun;
  /** The part's name, which is its file name too. */
  readonly part: string;
  /** When it was written, in ISO 8601. */
  readonly created_at: string;
  /** The program that wrote it, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** The job that wrote it. */
  readonly writer?: ManifestWriter;
  /**
   * The index pages made of these files and of others, as paths relative to the run's prefix. They
   * have no size and no hash, because every upload regenerates them.
   */
  readonly pages?: readonly string[];
  /** Members added by newer versions. */
  readonly [member: string]: unknown;
}

/** A part: the list of files of one upload. */
export interface ManifestPart extends ManifestHead {
  /** The files, sorted by the UTF-8 bytes of their paths. */
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
    branch: z.string().min(1).optional().meta({
      description: "The branch that was built; of a pull request its own.",
    }),
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

/** A marker (`unfinished_part.ts`) has more members than a part. */
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
 * @param name Its location, for messages.
 * @returns The part, with unknown members.
 * @throws {RunOutputsError} `integrity`, if the part is invalid: not JSON, a member that is missing
 * or wrong, a path that leads out of the run or is listed twice; `failed`, if its schema is newer.
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
 * Checks all members of a part but its files.
 *
 * @param value The parsed JSON.
 * @param name Its location, for messages.
 * @returns The same value.
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
 * @param value The parsed JSON.
 * @param index Index of the file in the part, from 0.
 * @param name Location of the part, for messages.
 * @returns The same value.
 * @throws {RunOutputsError} `integrity`, as {@linkcode parsePart}.
 */
export function checkFile(value: unknown, index: number, name: string): OutputFile {
  const result = fileSchema.safeParse(value);
  if (!result.success) throw broken(name, reasonOf(result.error, ["files", index]));
  checkPath(result.data.path, `files.${index}.path`, name);
  return value as OutputFile;
}

/**
 * Checks the schema version of a part.
 *
 * @param schema Its member `schema`.
 * @param name Its location, for messages.
 * @throws {RunOutputsError} `failed`, if the schema is newer; `integrity`, if it is another schema.
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
 * The error of an invalid part.
 *
 * @param name Its location.
 * @param reason What is wrong with it.
 * @param cause The underlying error.
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
 * The error of a part that lists one path twice.
 *
 * @param path The path.
 * @param name Location of the part.
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
