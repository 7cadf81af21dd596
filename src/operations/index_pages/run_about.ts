/**
 * Updates what the page of a run says about the run, and nothing else on it.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { RunFacts } from "../../runs/retention/summary.ts";
import type { CallOptions, ObjectInfo, StorageBackend } from "../../storage/backend.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { bodyText, statIfThere } from "../../storage/if_there.ts";
import type { TransferResult } from "../../storage/transfer/transfer.ts";
import { putContended } from "../manifest/put_contended.ts";
import { withAbout, withoutAbout, withUploading } from "./about.ts";
import { isOurs, MARK_WITHIN } from "./page.ts";

/** Options of {@linkcode writeRunAbout}. */
export interface RunAboutOptions extends CallOptions {
  /**
   * Reads the facts, again whenever another writer was faster. `uploading`: an upload begins, and the
   * rest stays as it is. `undefined`: there are none.
   */
  readonly facts: "uploading" | (() => Promise<RunFacts | undefined>);
}

/**
 * Writes the facts about a run on its page. It costs one or two small requests and the page itself;
 * the lists of the page stay as they are.
 *
 * @param backend The storage.
 * @param root The run.
 * @param options The facts, a signal.
 * @returns The result; `undefined`, if the run has no page of ours, or nothing is known. A failure is
 * a failed result.
 * @throws The signal's reason.
 */
export async function writeRunAbout(
  backend: StorageBackend,
  root: RunOutputRoot,
  { facts, signal }: RunAboutOptions,
): Promise<TransferResult | undefined> {
  const location = root.runIndex();
  let isAbsent = false;
  const result = await putContended(
    backend,
    { location, path: "the page of the run", signal },
    async () => {
      const existing = await statIfThere(backend, location, signal);
      if (existing === undefined) {
        isAbsent = true;
        return { refusal: new RunOutputsError("not_found", "The run has no page") };
      }
      const page = await readText(backend, existing, signal);
      if (!isOurs(page.slice(0, MARK_WITHIN))) return { existing };
      // After the page: so a newer summary is not lost with an older one.
      const known = facts === "uploading" ? facts : await facts();
      if (known === undefined) return { existing };
      const text = known === "uploading" ? withUploading(page) : withAbout(page, root, known);
      return text === page ? { existing } : { existing, source: bytesSource(text) };
    },
  );
  return isAbsent ? undefined : result;
}

/**
 * Whether the pages of two runs differ in what they say about their run at most.
 *
 * @param a The storage and the page of a run, which exists.
 * @param b Those of another run, which may have none.
 * @param options A signal.
 * @returns `true`, if a copy of the page would only be overwritten with what it is now.
 */
export async function isSameRunPage(
  a: { readonly backend: StorageBackend; readonly location: OutputLocation },
  b: { readonly backend: StorageBackend; readonly location: OutputLocation },
  { signal }: CallOptions = {},
): Promise<boolean> {
  const theirs = await statIfThere(b.backend, b.location, signal);
  if (theirs === undefined) return false;
  const own = await a.backend.stat(a.location, { signal });
  const [page, other] = await Promise.all([
    readText(a.backend, own, signal),
    readText(b.backend, theirs, signal),
  ]);
  return [page, other].every((text) => isOurs(text.slice(0, MARK_WITHIN))) &&
    withoutAbout(page) === withoutAbout(other);
}

async function readText(
  backend: StorageBackend,
  { location, etag }: ObjectInfo,
  signal: AbortSignal | undefined,
): Promise<string> {
  await using body = await backend.read(location, { ifMatch: etag, signal });
  return await bodyText(body);
}
