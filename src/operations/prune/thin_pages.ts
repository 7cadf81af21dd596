/**
 * The index pages of a run whose files were deleted.
 *
 * @module
 */

import { classify } from "../../layout/classify.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { CallOptions, StorageBackend } from "../../storage/backend.ts";
import { runSubject } from "../index_pages/subjects.ts";
import { writeIndexPages } from "../index_pages/write_pages.ts";
import { joinListing, type RemovedOutput } from "../manifest/list_outputs.ts";
import { readOutputs } from "../manifest/read.ts";
import { describeFailures } from "./bucket.ts";

/**
 * Writes the index pages of a run again, if it has some. A page in a directory of which nothing else is
 * left is deleted, whoever wrote it; other pages that another tool wrote stay as they are.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options A signal.
 * @returns Why that failed; `undefined`, if it did not.
 */
export async function settlePages(
  backend: StorageBackend,
  root: RunOutputRoot,
  { signal }: CallOptions,
): Promise<string | undefined> {
  const manifest = await readOutputs(backend, root, { signal });
  const emptied = new Set<string>();
  const onRemoved = ({ path }: RemovedOutput) => {
    for (const dir of directoriesOf(path)) emptied.add(dir);
  };
  const pages: { readonly path: string; readonly location: OutputLocation }[] = [];
  const used = new Set<string>();
  for await (const { path, info } of joinListing(backend, root, manifest, { onRemoved, signal })) {
    if (info === undefined) continue;
    if (classify(path) === "index") pages.push({ path, location: info.location });
    else for (const dir of directoriesOf(path)) used.add(dir);
  }
  const alone = pages.filter(({ path }) =>
    directoriesOf(path).some((dir) => emptied.has(dir) && !used.has(dir))
  );
  const failures = await backend.deleteAll(alone.map(({ location }) => location), { signal });
  if (failures.length > 0) return describeFailures(failures);
  if (pages.length === alone.length) return undefined;
  const { results } = await writeIndexPages(backend, runSubject(root), { signal });
  return results.find(({ outcome }) => outcome === "failed")?.error?.message;
}

/** The directories that contain a file, the innermost first, without that of the run. */
function directoriesOf(path: string): string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, i) => names.slice(0, names.length - i).join("/"));
}
