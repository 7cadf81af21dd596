/**
 * `run-outputs cache clean`
 *
 * @module
 */

import { Command, Option } from "commander";
import { diskError } from "../../../errors/disk.ts";
import type { StoredResponse } from "../../../github/response_cache.ts";
import type { CleanedFile } from "../../../storage/cache/clean.ts";
import { totalSize } from "../../../layout/total_size.ts";
import type { Context } from "../../context.ts";
import { cacheDirOption } from "../../cache_dir.ts";
import { EXIT } from "../../exit_codes.ts";
import { type Age, age, filled, nonEmpty, withOutputOptions } from "../../options.ts";
import { formatBytes, Output, plural } from "../../terminal/output.ts";
import { byteSize } from "../fetch/options.ts";
import { type CacheCommandOptions, cachedFileJson, requiredCacheDir } from "./shared.ts";

/** The values of the command's options. */
interface CleanOptions extends CacheCommandOptions {
  readonly olderThan?: Age;
  readonly maxSize?: number;
  readonly dryRun?: boolean;
}

/** Builds the command. */
export function cacheCleanCommand(context: Context): Command {
  const command = new Command("clean")
    .summary("delete files from the cache")
    .description(
      "Deletes files from the cache: all of them, those that were not used for some time, or the " +
        "least recently used until the cache has a size. Files that another process uses stay.",
    )
    .addOption(
      new Option("--older-than <time>", "only files not used for this time, such as 12h, 30d")
        .argParser(filled(age)),
    )
    .addOption(
      new Option("--max-size <size>", "only until the rest has this size, such as 10G")
        .argParser(filled(byteSize)),
    )
    // An empty value must not empty the default cache.
    .addOption(cacheDirOption("the cache").argParser(nonEmpty))
    .addOption(new Option("-n, --dry-run", "print what would be deleted"))
    .addHelpText(
      "after",
      `
With both options, files are deleted that are older, until the rest has the size. --max-size leaves
GitHub's responses, which are small.

Exits with 7 if a file could not be deleted, or a part of the cache could not be listed.

Examples:
  run-outputs cache clean --dry-run
  run-outputs cache clean --older-than 30d
  run-outputs cache clean --max-size 10G --cache-dir ./cache`,
    );
  return withOutputOptions(command).action(async (options: CleanOptions) => {
    const output = new Output(context.io, options);
    const signal = context.interruption();
    const { olderThan, maxSize, dryRun = false } = options;
    const dir = await requiredCacheDir(options, context.io);
    const before = olderThan && new Date(Date.now() - olderThan.milliseconds);
    const { cleanCache } = await import("../../../storage/cache/clean.ts");
    const errors: string[] = [];
    const onFailure = ({ message }: Error) => void errors.push(message);
    const files = await cleanCache(dir, {
      before,
      maxBytes: maxSize,
      dryRun,
      onFailure,
      signal,
    });
    const responses = maxSize === undefined
      ? await cleanResponses(dir, before, dryRun, onFailure)
      : { deleted: [], failed: [] };
    const deleted = files.filter(({ outcome }) => outcome === "deleted");
    const inUse = files.filter(({ outcome }) => outcome === "in use");
    const failed = files.filter(({ outcome }) => outcome === "failed");
    errors.push(
      ...deleteErrors(dir, failed.map(({ error }) => error), (count) => plural(count, "file")),
      ...deleteErrors(dir, responses.failed, (count) => `${plural(count, "response")} of GitHub`),
    );
    for (const error of errors) output.error(error);
    output.result(
      () => ({
        schema: "run-outputs.cache-clean/1",
        dry_run: dryRun,
        cache_dir: dir,
        count: deleted.length,
        bytes: totalSize(deleted),
        in_use: inUse.length,
        failed: failed.length,
        files: files.map((file) => ({
          ...cachedFileJson(file),
          outcome: outcomeJson(file, dryRun),
        })),
        github: {
          count: responses.deleted.length,
          bytes: totalSize(responses.deleted),
          failed: responses.failed.length,
        },
        errors,
      }),
      () => {
        const would = dryRun ? "would delete" : "deleted";
        return [
          `${would} ${plural(deleted.length, "file")}, ${
            formatBytes(totalSize(deleted))
          }, from ${dir}` +
          (inUse.length === 0 ? "" : `; ${inUse.length} in use`),
          ...responses.deleted.length === 0
            ? []
            : [`${would} ${plural(responses.deleted.length, "response")} of GitHub`],
        ];
      },
    );
    context.setExitCode(errors.length > 0 ? EXIT.incomplete : EXIT.done);
  });
}

function outcomeJson({ outcome }: CleanedFile, dryRun: boolean): string {
  if (outcome === "in use") return "in_use";
  return outcome === "deleted" && dryRun ? "would_delete" : outcome;
}

async function cleanResponses(
  dir: string,
  before: Date | undefined,
  dryRun: boolean,
  onFailure: (error: Error) => void,
): Promise<{ readonly deleted: readonly StoredResponse[]; readonly failed: readonly unknown[] }> {
  const { storedResponses } = await import("../../../github/response_cache.ts");
  const responses = (await storedResponses(dir, onFailure))
    .filter(({ modified }) => before === undefined || modified < before.getTime());
  if (dryRun) return { deleted: responses, failed: [] };
  const deleted: StoredResponse[] = [];
  const failed: unknown[] = [];
  for (const response of responses) {
    try {
      await Deno.remove(response.path);
    } catch (error) {
      // Another process may delete it first.
      if (!(error instanceof Deno.errors.NotFound)) {
        failed.push(error);
        continue;
      }
    }
    deleted.push(response);
  }
  return { deleted, failed };
}

/** One line for each reason for which files could not be deleted. */
function deleteErrors(
  dir: string,
  errors: readonly unknown[],
  what: (count: number) => string,
): string[] {
  const byReason = Map.groupBy(errors, (error) => diskError("delete", dir, error).message);
  return [...byReason.values()].map((same) => {
    const { message } = diskError(`delete ${what(same.length)} in`, dir, same[0]);
    return message.endsWith("permission denied")
      ? `${message}; they may belong to another user`
      : message;
  });
}
