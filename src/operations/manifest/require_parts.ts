/**
 * Requires that a run is complete.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { describeUnfinished, howToClear, isCopyMarker } from "../../runs/unfinished_part.ts";
import type { RunManifest } from "./read.ts";

/**
 * Requires parts of a run's manifest.
 *
 * @param manifest The manifest.
 * @param root The run.
 * @param parts The required parts. Default: those that the run itself expects.
 * @throws {RunOutputsError} `incomplete`, naming each part that is missing or incomplete, with its
 * pending files; also if no parts are given and the run has no list of expected ones.
 *
 * @example
 * ```ts
 * import { MemoryBackend, readOutputs, RunOutputRoot } from "@therock/run-outputs";
 * import { requireParts } from "@therock/run-outputs/operations";
 *
 * const root = RunOutputRoot.forLocal({ platform: "linux" });
 * const manifest = await readOutputs(new MemoryBackend(), root);
 * try {
 *   requireParts(manifest, root, ["build.gfx94X-dcgpu"]);
 * } catch (error) {
 *   console.log((error as Error).message); // which are missing
 * }
 * ```
 */
export function requireParts(
  manifest: RunManifest,
  root: RunOutputRoot,
  parts: readonly string[] = [],
): void {
  const run = `Run ${root.runId} for ${root.platform}`;
  if (parts.length === 0 && (manifest.expected ?? []).length === 0) {
    const unfinished = manifest.markers.map(describeUnfinished);
    const started = unfinished.length === 0 ? "" : ` is incomplete: ${unfinished.join("; ")}; it`;
    throw new RunOutputsError(
      "incomplete",
      `${run}${started} has no list of expected parts: name them with --part, or ` +
        "upload with --expect-parts",
    );
  }
  const wanted = parts.length === 0 ? manifest.expected! : [...new Set(parts)];
  const markers = manifest.markers.filter(({ part }) =>
    wanted.includes(part) || parts.length === 0 && isCopyMarker(part)
  );
  const missing = wanted.filter((part) =>
    manifest.part(part) === undefined && !manifest.unfinished.includes(part)
  );
  if (missing.length + markers.length === 0) return;
  const reasons = markers.map(describeUnfinished);
  reasons.push(...howToClear(markers));
  if (missing.length > 0) {
    reasons.unshift(
      `${missing.length} of its ${wanted.length} parts ${missing.length === 1 ? "is" : "are"} ` +
        `missing: ${missing.join(", ")}`,
    );
  }
  throw new RunOutputsError("incomplete", `${run} is incomplete: ${reasons.join("; ")}`);
}
