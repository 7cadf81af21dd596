/**
 * Parts of outputs manifests for tests.
 *
 * @module
 */

import type { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import { formatPart } from "../../src/runs/format_part.ts";
import type { ManifestHead, ManifestPart, OutputFile } from "../../src/runs/manifest.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { sha256 } from "./bytes.ts";

/** A file of a part; its hash is that of `content`. */
export function outputFile(
  path: string,
  content: string | Uint8Array = path,
  more: Partial<OutputFile> = {},
): OutputFile {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return {
    path,
    kind: "other",
    size: bytes.length,
    sha256: sha256(bytes),
    content_type: "text/plain",
    ...more,
  };
}

/** A part of the run `123-linux`. */
export function manifestPart(
  part: string,
  files: readonly OutputFile[],
  more: Partial<ManifestHead> = {},
): ManifestPart {
  return {
    schema: "run-outputs.manifest/1",
    layout: "flat",
    run: { repository: "ROCm/TheRock", run_id: "123", run_attempt: 1, platform: "linux" },
    part,
    created_at: "2026-11-20T12:00:00.000Z",
    tool: "run-outputs/0.0.0",
    files,
    ...more,
  };
}

/** Writes a part into a run. */
export async function putPart(
  backend: StorageBackend,
  root: RunOutputRoot,
  part: ManifestPart,
): Promise<void> {
  await backend.write(root.outputsManifest(part.part), bytesSource(formatPart(part)));
}

/** Writes the list of a run's expected parts. */
export async function putExpected(
  backend: StorageBackend,
  root: RunOutputRoot,
  parts: readonly string[],
): Promise<void> {
  const text = JSON.stringify({ schema: "run-outputs.expected-parts/1", parts });
  await backend.write(root.expectedParts(), bytesSource(text));
}
