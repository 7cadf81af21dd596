/**
 * Deletes files left by an earlier attempt of a run.
 *
 * @module
 */

import { sha256Of } from "../../storage/sha256_of.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { transferAll, type TransferResult } from "../../storage/transfer/transfer.ts";
import type { RepairOptions, RepairPlace } from "./repair.ts";
import type { VerifiedFile } from "./verified_file.ts";

/**
 * Deletes files left by an earlier attempt of a run: those with the verdict `left`, if they have
 * not changed since the verification.
 *
 * @param files The verification's results; others are not touched.
 * @param place The run.
 * @param options Dry run, concurrency, a signal.
 * @returns The result of each: `written` for a deleted file, `planned` in a dry run, or `failed`
 * with the reason.
 * @throws The signal's reason.
 */
export async function removeLeft(
  files: readonly VerifiedFile[],
  { backend, show = String }: RepairPlace,
  options: RepairOptions = {},
): Promise<TransferResult[]> {
  const { dryRun = false, signal } = options;
  const left = files.filter(({ verdict }) => verdict === "left");
  const remove = async (
    { location, path, etag, size, expected }: VerifiedFile,
  ): Promise<TransferResult[]> => {
    await using body = await backend.read(location, { ifMatch: etag, signal });
    if (await sha256Of(body) !== expected?.sha256) {
      throw new RunOutputsError("conflict", "it is not the file that the earlier attempt left");
    }
    const now = await backend.stat(location, { signal });
    if (now.etag !== etag) {
      throw new RunOutputsError("conflict", "it was replaced since it was verified");
    }
    if (!dryRun) await backend.delete(location, { signal });
    return [{ location, path, size, outcome: dryRun ? "planned" : "written", warnings: [] }];
  };
  return await transferAll(left, remove, ({ location, path, size }, cause): TransferResult => {
    const code = cause instanceof RunOutputsError ? cause.code : "failed";
    const message = `Cannot delete ${show(location)}: ${cause.message}`;
    const error = new RunOutputsError(code, message, { cause });
    return { location, path, size, outcome: "failed", warnings: [], error };
  }, options);
}
