/**
 * The outputs manifest for commands that read a run: reading it and reporting on it.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import type { OutputPaths } from "../layout/output_paths.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import type { RunManifest } from "../operations/manifest/read.ts";
import type { StorageBackend } from "../storage/backend.ts";
import { type Output, plural } from "./terminal/output.ts";
import type { OpenStorage } from "./storage.ts";

/** The values of the options for the outputs manifest. */
export interface ManifestOptions {
  /** `false` with `--no-manifest`. */
  readonly manifest: boolean;
  readonly requireComplete?: boolean;
  readonly part?: readonly string[];
}

/** How to read a run and where to report. */
export interface ReadRunOptions {
  /** The storage. */
  readonly storage: OpenStorage;
  /** Receives explanations. */
  readonly output: Output;
  /** Aborts the reading. */
  readonly signal: AbortSignal;
}

/**
 * Reads the manifest of a run as the options require.
 *
 * @param options The values of the command's options.
 * @param root The run.
 * @param from The storage.
 * @returns The manifest; it has no parts if the run has none, or with `--no-manifest`.
 * @throws {RunOutputsError} `incomplete`, if required parts are missing; `integrity` or `failed`, if
 * a part can't be read.
 */
export async function readRunManifest(
  { manifest: isWanted, requireComplete, part: parts }: ManifestOptions,
  root: RunOutputRoot,
  { storage: { backend, show }, output, signal }: ReadRunOptions,
): Promise<RunManifest> {
  for (const name of parts ?? []) checkPart("--part", name, root);
  if (requireComplete && !isWanted) {
    const message = "Cannot use --require-complete with --no-manifest: choose one";
    throw new RunOutputsError("invalid", message);
  }
  const manifest = await readIfWanted(isWanted, root, { backend, show, signal });
  if (!isWanted) return manifest;
  await explainManifest(backend, root, manifest, { output, signal });
  if (requireComplete) {
    const { requireParts } = await import("../operations/manifest/require_parts.ts");
    requireParts(manifest, root, parts);
  }
  return manifest;
}

/** How to read a manifest. */
export interface ReadFromOptions extends Pick<OpenStorage, "backend" | "show"> {
  /** Aborts the reading. */
  readonly signal: AbortSignal;
}

/**
 * Reads the manifest of a run, or of a directory that holds one.
 *
 * @param isWanted `false` with `--no-manifest`.
 * @param root The run.
 * @param from The storage.
 * @returns The manifest; it has no parts if there are none, or if it is not wanted.
 * @throws {RunOutputsError} `integrity` or `failed`, if a part can't be read.
 */
export async function readIfWanted(
  isWanted: boolean,
  root: OutputPaths,
  { backend, show, signal }: ReadFromOptions,
): Promise<RunManifest> {
  const { NO_MANIFEST, readOutputs } = await import("../operations/manifest/read.ts");
  if (!isWanted) return NO_MANIFEST;
  try {
    return await readOutputs(backend, root, { show, signal });
  } catch (error) {
    if (!(error instanceof RunOutputsError) || !/integrity|failed/.test(error.code)) throw error;
    const message = `${error.message} (--no-manifest ignores the manifest)`;
    throw new RunOutputsError(error.code, message, { cause: error });
  }
}

/**
 * The manifest in the JSON form of results.
 *
 * @param manifest The run's manifest.
 * @returns Its members; `undefined`, if the run has no manifest.
 */
export function manifestJson(manifest: RunManifest): Record<string, unknown> | undefined {
  const { parts, expected, missing, markers, complete } = manifest;
  if (manifest.objects.length + markers.length === 0) return undefined;
  return {
    complete,
    parts: parts.map(({ head, count }) => ({
      part: head.part,
      files: count,
      layout: head.layout,
      run_attempt: head.run.run_attempt,
      created_at: head.created_at,
    })),
    expected,
    missing,
    unfinished: markers,
  };
}

/**
 * Reports the incomplete parts of a manifest with their pending files, and the expected parts that do
 * not exist.
 *
 * @param manifest The run's manifest.
 * @param report Receives one line for each.
 * @param options Whether to say how the markers are cleared.
 */
export async function reportUnfinished(
  { markers, missing = [], unfinished = [] }:
    & Pick<RunManifest, "markers">
    & Partial<Pick<RunManifest, "missing" | "unfinished">>,
  report: (message: string) => void,
  { clear = false }: { readonly clear?: boolean } = {},
): Promise<void> {
  for (const part of missing) {
    if (!unfinished.includes(part)) report(`part ${part} is missing: the run is incomplete`);
  }
  if (markers.length === 0) return;
  const { describeUnfinished, howToClear } = await import("../runs/unfinished_part.ts");
  for (const marker of markers) {
    report([describeUnfinished(marker), ...clear ? howToClear([marker]) : []].join("; "));
  }
}

/** With `-v`, explains the manifest and its differences from a listing. */
async function explainManifest(
  backend: StorageBackend,
  root: RunOutputRoot,
  manifest: RunManifest,
  { output, signal }: { readonly output: Output; readonly signal: AbortSignal },
): Promise<void> {
  if (!output.verbose) return;
  if (manifest.objects.length === 0) {
    return output.explain("outputs manifest: none; listing the storage");
  }
  const { parts, missing, complete } = manifest;
  const files = parts.reduce((sum, { count }) => sum + count, 0);
  const state = complete
    ? "complete, used instead of a listing"
    : missing.length > 0
    ? `missing ${missing.join(", ")}; listing the storage`
    : "expected parts unknown; listing the storage";
  output.explain(
    `outputs manifest: ${plural(parts.length, "part")}, ${plural(files, "file")}; ${state}`,
  );
  const { compareListing } = await import("../operations/manifest/list_outputs.ts");
  const found = await compareListing(backend, root, manifest, { signal });
  const counts = (["extra", "missing", "changed", "conflicting"] as const)
    .filter((what) => found[what] > 0).map((what) => `${found[what]} ${what}`);
  output.explain(
    counts.length === 0
      ? "outputs manifest: matches the listing"
      : `outputs manifest: the listing differs: ${counts.join(", ")}: ${found.examples.join(", ")}`,
  );
}

/**
 * Checks the name of a part.
 *
 * @param option The option that it was given with.
 * @param name The name.
 * @param root The run.
 * @throws {RunOutputsError} `invalid`, naming both.
 */
export function checkPart(option: string, name: string, root: RunOutputRoot): void {
  try {
    root.outputsManifest(name);
  } catch (error) {
    if (!(error instanceof RunOutputsError)) throw error;
    const message = error.message.replace(/^Invalid part/, `Invalid ${option}`);
    throw new RunOutputsError("invalid", message, { cause: error });
  }
}
