/**
 * `run-outputs cache`: the parent of the commands about the cache.
 *
 * @module
 */

import { Command } from "commander";
import type { Context } from "../../context.ts";
import { cacheCleanCommand } from "./clean.ts";
import { cacheListCommand } from "./list.ts";

/** Builds the command. */
export function cacheCommand(context: Context): Command {
  return new Command("cache")
    .summary("list and delete downloaded files in the cache")
    .description(
      "The cache keeps archives by their SHA-256 and GitHub's responses, for fetch, find and bisect. " +
        "fetch deletes the least recently used archives when it exceeds --cache-size.",
    )
    .addCommand(cacheListCommand(context))
    .addCommand(cacheCleanCommand(context))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs cache list
  run-outputs cache clean --older-than 30d --dry-run`,
    );
}
