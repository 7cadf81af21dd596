/**
 * The rule that retention keeps at any moment: no manifest tells of a file that is gone.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import { readOutputs } from "../../src/operations/manifest/read.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";

/** Asserts that each file that a part lists exists, or that the record says why it does not. */
export async function assertTold(
  backend: StorageBackend,
  root: RunOutputRoot,
  when = "",
): Promise<{ readonly listed: number; readonly gone: number }> {
  // In this order: what is deleted between the two is in the record already.
  const there = new Set<string>();
  for await (const { location } of backend.list(root.root())) there.add(location.key);
  const manifest = await readOutputs(backend, root);
  let [listed, gone] = [0, 0];
  for await (const { file: { path }, removal } of manifest.files()) {
    listed++;
    if (there.has(root.file(path).key)) continue;
    assert(removal !== undefined, `${when}: ${root.prefix}/${path} is gone, and nothing says why`);
    gone++;
  }
  return { listed, gone };
}
