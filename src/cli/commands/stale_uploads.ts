/**
 * `run-outputs stale-uploads`
 *
 * @module
 */

import { withRunArgument } from "../run_argument.ts";
import { describeRoot } from "../run_root.ts";
import { Command, Option } from "commander";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import type { UnfinishedUpload, UploadRemoval } from "../../operations/stale_uploads.ts";
import { ON_S3 } from "../addresses.ts";
import type { Context } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { type Age, age, type ReadCommandOptions, withS3ReadOptions } from "../options.ts";
import { columns, formatAge, formatBytes, Output, plural } from "../terminal/output.ts";
import { runRoot } from "../run_root.ts";
import { openUploads } from "../storage.ts";

/** The values of the command's options. */
interface StaleUploadsOptions extends ReadCommandOptions {
  readonly olderThan: Age;
  readonly abort?: boolean;
  readonly dryRun?: boolean;
}

/** Builds the command. */
export function staleUploadsCommand(context: Context): Command {
  const command = new Command("stale-uploads")
    .summary("list and delete unfinished uploads of a run on S3")
    .description(
      "Lists the unfinished multipart uploads of a run, left by killed processes. Their parts are not\n" +
        "in any listing, but cost storage.",
    )
    .addOption(
      new Option("--older-than <time>", "only uploads older than this, such as 90m, 24h, 7d")
        .argParser(age).default(age("24h"), "24h"),
    )
    .addOption(new Option("--abort", "delete the listed uploads with their parts"))
    .addOption(new Option("-n, --dry-run", "with --abort: print what would be deleted"))
    .addHelpText(
      "after",
      `
'resumable': the next upload of the same file from this machine resumes it. 'active': in use by a
process of this machine; it is not deleted. The state on other machines is unknown: a young upload
may be in progress there.

Exits with 0 if there are none, with 7 if some could not be deleted.

Examples:
  run-outputs stale-uploads --run-id 12345 --platform linux
  run-outputs stale-uploads --run-id 12345 --platform linux --older-than 7d --abort`,
    );
  return withS3ReadOptions(withRunArgument(command)).action(
    async (_run, options: StaleUploadsOptions) => {
      const output = new Output(context.io, options);
      const signal = context.interruption();
      const { olderThan, abort = false, dryRun = false } = options;
      // Listed too, they are where uploads of this job are.
      const purpose = { reading: true, changing: true, onDisk: false };
      const root = runRoot(options, purpose, context.io, output);
      using storage = await openUploads(
        options,
        context.io,
        output,
        abort ? root.root() : undefined,
      );
      const { abortUnfinishedUploads, listUnfinishedUploads } = await import(
        "../../operations/stale_uploads.ts"
      );
      const { backend } = storage;
      const now = Date.now();
      const before = new Date(now - olderThan.milliseconds);
      let younger = 0;
      const onYounger = () => void younger++;
      const uploads = await listUnfinishedUploads(backend, root, { before, onYounger, signal });
      const removals = abort
        ? await abortUnfinishedUploads(backend, uploads, { dryRun, signal })
        : undefined;

      if (!abort && uploads.length > 0) output.note("use --abort to delete them");
      output.result(
        () => ({
          schema: "run-outputs.stale-uploads/1",
          dry_run: dryRun,
          ...describeRoot(root, ON_S3),
          older_than_seconds: olderThan.milliseconds / 1000,
          count: uploads.length,
          younger,
          bytes: sum(uploads),
          uploads: uploads.map((upload, i) => ({
            key: upload.key,
            s3_uri: `s3://${upload.bucket}/${upload.key}`,
            upload_id: upload.uploadId,
            initiated: upload.initiated.toISOString(),
            age_seconds: Math.max(0, Math.floor((now - upload.initiated.getTime()) / 1000)),
            parts: upload.parts,
            bytes: upload.bytes,
            state: upload.state,
            outcome: removals?.[i].outcome ?? "listed",
          })),
        }),
        () => [
          ...lines(uploads, removals, now, root),
          summary(uploads, removals, olderThan, root) +
          (younger === 0 ? "" : `; ${younger} younger (--older-than 0s lists all)`),
        ],
      );
      context.setExitCode(
        removals?.some(({ outcome }) => outcome === "failed") ? EXIT.incomplete : EXIT.done,
      );
    },
  );
}

function lines(
  uploads: readonly UnfinishedUpload[],
  removals: readonly UploadRemoval[] | undefined,
  now: number,
  root: RunOutputRoot,
): string[] {
  return columns(
    uploads.map((upload, i) => [
      removals === undefined ? "" : WORDS[removals[i].outcome],
      formatAge(now - upload.initiated.getTime()),
      plural(upload.parts, "part"),
      formatBytes(upload.bytes),
      upload.state === "unknown" ? "" : upload.state,
      upload.key.slice(root.prefix.length + 1),
    ]),
    [1, 2, 3],
  ).map((line) => line.trimStart());
}

const WORDS: Readonly<Record<UploadRemoval["outcome"], string>> = {
  aborted: "deleted",
  would_abort: "would delete",
  active: "left alone",
  failed: "failed",
};

function summary(
  uploads: readonly UnfinishedUpload[],
  removals: readonly UploadRemoval[] | undefined,
  olderThan: Age,
  root: RunOutputRoot,
): string {
  const which = `older than ${olderThan.text}, in ${root.root().s3Uri}`;
  if (uploads.length === 0) return `no unfinished uploads ${which}`;
  const found = `${plural(uploads.length, "unfinished upload")}, ${formatBytes(sum(uploads))}`;
  const counts = Object.entries(WORDS).flatMap(([outcome, word]) => {
    const count = removals?.filter((removal) => removal.outcome === outcome).length ?? 0;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return [found, ...counts, which].join(", ");
}

function sum(uploads: readonly UnfinishedUpload[]): number {
  return uploads.reduce((sum, { bytes }) => sum + bytes, 0);
}
