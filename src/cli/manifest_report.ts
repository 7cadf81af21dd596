/**
 * What a command that reads a run says of the run's outputs manifest.
 *
 * @module
 */

import type { RunOutputRoot } from "../layout/run_output_root.ts";
import type { RunManifest } from "../operations/read_manifest.ts";
import type { StorageBackend } from "../storage/backend.ts";
import { type Output, plural } from "./output.ts";

/**
 * The manifest in the JSON form of results.
 *
 * @param manifest The run's manifest.
 * @returns Its members; nothing, if the run has none.
 */
export function manifestJson(manifest: RunManifest): Record<string, unknown> | undefined {
  if (manifest.objects.length === 0) return undefined;
  const { parts, expected, missing, complete } = manifest;
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
  };
}

/**
 * Explains, where the user asked for that, what the manifest tells and in what a listing differs.
 *
 * @param backend The storage.
 * @param root The run.
 * @param manifest The run's manifest.
 * @param options Where to explain, and a signal.
 */
export async function explainManifest(
  backend: StorageBackend,
  root: RunOutputRoot,
  manifest: RunManifest,
  { output, signal }: { readonly output: Output; readonly signal: AbortSignal },
): Promise<void> {
  if (!output.verbose) return;
  if (manifest.objects.length === 0) {
    return output.explain("outputs manifest: the run has none; the storage is listed");
  }
  const { parts, missing, complete } = manifest;
  const files = parts.reduce((sum, { count }) => sum + count, 0);
  const state = complete
    ? "complete, so it is what is read"
    : missing.length > 0
    ? `lacks ${missing.join(", ")}, so the storage is listed`
    : "does not tell which parts there will be, so the storage is listed";
  output.explain(
    `outputs manifest: ${plural(parts.length, "part")}, ${plural(files, "file")}; ${state}`,
  );
  const { compareListing } = await import("../operations/list_outputs.ts");
  const found = await compareListing(backend, root, manifest, { signal });
  const counts = (["extra", "missing", "changed", "conflicting"] as const)
    .filter((what) => found[what] > 0).map((what) => `${found[what]} ${what}`);
  output.explain(
    counts.length === 0
      ? "outputs manifest: the listing agrees with it"
      : `outputs manifest: the listing differs: ${counts.join(", ")}: ${found.examples.join(", ")}`,
  );
}
