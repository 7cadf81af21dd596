/**
 * Verifies the files of one run or directory, and collects the results.
 *
 * @module
 */

import type { OutputKind } from "../../../layout/classify.ts";
import type { RemovedOutput } from "../../../operations/manifest/list_outputs.ts";
import type { VerifiedFile } from "../../../operations/verify/verified_file.ts";
import type { Io } from "../../terminal/io.ts";
import { withProgress } from "../../terminal/progress.ts";
import { VerifyReport } from "./report.ts";
import type { VerifyCommandOptions, VerifySubject } from "./subject.ts";

/** How files are verified, beside the command's options. */
interface VerifyFilesOptions {
  /** Only files of these kinds are reported; all, if not given. */
  readonly kinds?: ReadonlySet<OutputKind>;
  /** Whether a file that is newer than its part is suspicious, as in storage and not in a copy. */
  readonly times: boolean;
  /** Shows the progress. */
  readonly io: Io;
  /** Aborts the verification. */
  readonly signal: AbortSignal;
  /** Called for each file, with whether it is reported. */
  readonly onFile?: (file: VerifiedFile, isReported: boolean) => void;
}

/** The results. */
interface VerifiedFiles {
  /** The results of the files. */
  readonly report: VerifyReport;
  /** The expected parts of the manifest that do not exist and have no marker. */
  readonly missing: readonly string[];
  /** How many parts are missing or unfinished. */
  readonly lacking: number;
}

/**
 * Verifies files.
 *
 * @param subject The run or directory.
 * @param options The command's options.
 * @param how Which files, progress, a signal.
 * @returns The results.
 * @throws {RunOutputsError} What makes the listing or the manifest unreadable.
 */
export async function verifyFiles(
  { storage: { backend, show }, root, manifest }: Pick<
    VerifySubject,
    "storage" | "root" | "manifest"
  >,
  { quick, strict = false, concurrency, quiet = false }: VerifyCommandOptions,
  { kinds, times, io, signal, onFile }: VerifyFilesOptions,
): Promise<VerifiedFiles> {
  const { verifyRun } = await import("../../../operations/verify/execute.ts");
  const report = new VerifyReport(strict);
  await withProgress({ verb: "verified", files: [], io, quiet }, async ({ onEvent }) => {
    const onRemoved = (removed: RemovedOutput) => {
      if (kinds === undefined || kinds.has(removed.kind)) report.removed.push(removed);
    };
    const reading = { manifest, quick, times, concurrency, show, onRemoved, onEvent, signal };
    for await (const file of verifyRun(backend, root, reading)) {
      const isReported = kinds === undefined || kinds.has(file.kind);
      if (isReported) report.add(file);
      onFile?.(file, isReported);
    }
  });
  const { unfinished } = manifest;
  const missing = manifest.missing.filter((part) => !unfinished.includes(part));
  return { report, missing, lacking: missing.length + unfinished.length };
}
