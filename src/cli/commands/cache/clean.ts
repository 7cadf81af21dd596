/**
 * `run-outputs cache clean`
 *
 * @module
 */

import { Command, Option } from "commander";
import { diskError } from "../../../errors/disk.ts";
import type { StoredResponse } from "../../../github/response_cache.ts";
import type { CleanedFile } from "../../../storage/cache/clean.ts";
import type { Context } from "../../context.ts";
import { cacheDirOption } from "../../cache_dir.ts";
import { EXIT } from "../../exit_codes.ts";
import { type Age, age, filled, withOutputOptions } from "../../options.ts";
import { formatBytes, Output, plural } from "../../terminal/output.ts";
import { byteSize } from "../fetch/options.ts";
import { bytesOf, type CacheCommandOptions, cachedFileJson, requiredCacheDir } from "./shared.ts";

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
    .addOption(cacheDirOption("the cache"))
    .addOption(new Option("-n, --dry-run", "print what would be deleted"))
    .addHelpText(
      "after",
      `
With both options, files are deleted that are older, until the rest has the size. --max-size leaves
GitHub's responses, which are small.

Exits with 7 if a file could not be deleted.

Examples:
  run-outputs cache clean --dry-run
  run-outputs cache clean --older-than 30d
  run-outputs cache clean --max-size 10G --cache-dir ./cache`,
    );
  return withOutputOptions(command).action(async (options: CleanOptions) => {
    const output = new Output(context.io, options);
    const signal = context.interruption();
    const { olderThan, maxSize, dryRun = false } = options;
    const dir = requiredCacheDir(options, context.io);
    const before = olderThan && new Date(Date.now() - olderThan.milliseconds);
    const { cleanCache } = await import("../../../storage/cache/clean.ts");
    const files = await cleanCache(dir, { before, maxBytes: maxSize, dryRun, signal });
    const responses = maxSize === undefined ? await cleanResponses(dir, before, dryRun) : [];
    const deleted = files.filter(({ outcome }) => outcome === "deleted");
    const inUse = files.filter(({ outcome }) => outcome === "in use");
    const failed = files.filter(({ outcome }) => outcome === "failed");
    if (failed.length > 0) {
      output.error(
        `Cannot delete ${plural(failed.length, "file")} in '${dir}': permission denied; they may ` +
          "belong to another user",
      );
    }
    output.result(
      () => ({
        schema: "run-outputs.cache-clean/1",
        dry_run: dryRun,
        cache_dir: dir,
        count: deleted.length,
        bytes: bytesOf(deleted),
        in_use: inUse.length,
        failed: failed.length,
        files: files.map((file) => ({
          ...cachedFileJson(file),
          outcome: outcomeJson(file, dryRun),
        })),
        github: { count: responses.length, bytes: bytesOf(responses) },
      }),
      () => {
        const would = dryRun ? "would delete" : "deleted";
        return [
          `${would} ${plural(deleted.length, "file")}, ${
            formatBytes(bytesOf(deleted))
          }, from ${dir}` +
          (inUse.length === 0 ? "" : `; ${inUse.length} in use`),
          ...responses.length === 0
            ? []
            : [`${would} ${plural(responses.length, "response")} of GitHub`],
        ];
      },
    );
    context.setExitCode(failed.length > 0 ? EXIT.incomplete : EXIT.done);
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
): Promise<readonly StoredResponse[]> {
  const { storedResponses } = await import("../../../github/response_cache.ts");
  const responses = (await storedResponses(dir))
    .filter(({ modified }) => before === undefined || modified < before.getTime());
  if (dryRun) return responses;
  for (const { path } of responses) {
    await Deno.remove(path).catch((error) => {
      // Another process may delete it first.
      if (!(error instanceof Deno.errors.NotFound)) throw diskError("delete", path, error);
    });
  }
  return responses;
}
