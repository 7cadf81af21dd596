/**
 * `run-outputs cache list`
 *
 * @module
 */

import { Command } from "commander";
import { totalSize } from "../../../layout/total_size.ts";
import type { Context } from "../../context.ts";
import { cacheDirOption } from "../../cache_dir.ts";
import { EXIT } from "../../exit_codes.ts";
import { withOutputOptions } from "../../options.ts";
import { columns, formatAge, formatBytes, Output, plural } from "../../terminal/output.ts";
import { type CacheCommandOptions, cachedFileJson, requiredCacheDir } from "./shared.ts";

/** Builds the command. */
export function cacheListCommand(context: Context): Command {
  const command = new Command("list")
    .summary("list the files in the cache")
    .description(
      "Lists the archives in the cache with their size and the time since they were last used, the " +
        "most recently used first. 'unfinished' is a download that was interrupted or is in " +
        "progress; the next fetch of the same archive resumes it.",
    )
    .addOption(cacheDirOption("the cache"))
    .addHelpText(
      "after",
      `
Exits with 7 if a part of the cache could not be listed.

Examples:
  run-outputs cache list
  run-outputs cache list --cache-dir ./cache --json`,
    );
  return withOutputOptions(command).action(async (options: CacheCommandOptions) => {
    const output = new Output(context.io, options);
    const dir = await requiredCacheDir(options, context.io);
    const { cacheContents } = await import("../../../storage/cache/clean.ts");
    const { storedResponses } = await import("../../../github/response_cache.ts");
    const errors: string[] = [];
    const onFailure = ({ message }: Error) => void errors.push(message);
    const files = await cacheContents(dir, onFailure);
    const responses = await storedResponses(dir, onFailure);
    for (const error of errors) output.error(error);
    const now = Date.now();
    output.result(
      () => ({
        schema: "run-outputs.cache/1",
        cache_dir: dir,
        count: files.length,
        bytes: totalSize(files),
        files: files.map(cachedFileJson),
        github: { count: responses.length, bytes: totalSize(responses) },
        errors,
      }),
      () => [
        ...columns(
          files.map(({ sha256, kind, size, usedAt }) => [
            `${formatAge(now - usedAt)} ago`,
            formatBytes(size),
            sha256,
            kind === "entry" ? "" : "unfinished",
          ]),
          [0, 1],
        ).map((line) => line.trimEnd()),
        `${plural(files.length, "file")}, ${formatBytes(totalSize(files))} in ${dir}` +
        (responses.length === 0
          ? ""
          : `; ${plural(responses.length, "response")} of GitHub, ${
            formatBytes(totalSize(responses))
          }`),
      ],
    );
    context.setExitCode(errors.length > 0 ? EXIT.incomplete : EXIT.done);
  });
}
