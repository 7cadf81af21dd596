/**
 * The names of the runs in a staging directory.
 *
 * @module
 */

import { join } from "node:path";
import { compareRuns, formatRunKey, tryParseRunPrefix } from "../../runs/retention/run_key.ts";
import type { RunPrefix } from "../../layout/run_output_root.ts";
import type { Candidate } from "./candidate.ts";

/** The maximum number of directories to look into, and of runs to offer. */
const MAX = 1000;

/** A shell may put a name into the command line without quotes. */
const HARMLESS = /^[\w@%+=:,.~-]+$/;

/**
 * Lists runs. A directory that can't be read has none.
 *
 * @param dir The staging directory.
 * @param form `ids`, with the keys of external repositories' runs; or all as `keys`.
 * @returns The runs, the newest first, each with its platforms.
 */
export async function runNames(
  dir: string | undefined,
  form: "ids" | "keys",
): Promise<readonly Candidate[]> {
  if (dir === undefined) return [];
  const found: RunPrefix[] = [];
  let looked = 0;
  for await (const name of directories(dir)) {
    const run = tryParseRunPrefix(name);
    if (run !== undefined) found.push(run);
    else if (name.includes("-") && ++looked <= MAX) {
      for await (const child of directories(join(dir, name))) {
        const external = tryParseRunPrefix(`${name}/${child}`);
        if (external !== undefined) found.push(external);
      }
    }
  }
  const platforms = new Map<string, string[]>();
  for (const run of found.toSorted(compareRuns)) {
    const name = form === "ids" && run.externalRepo === "" ? run.runId : formatRunKey(run);
    if (HARMLESS.test(name)) platforms.set(name, [...platforms.get(name) ?? [], run.platform]);
  }
  return [...platforms].slice(0, MAX)
    .map(([value, of]) => ({ value, description: `run for ${of.join(" and ")}` }));
}

async function* directories(dir: string): AsyncGenerator<string> {
  try {
    for await (const { name, isDirectory } of Deno.readDir(dir)) if (isDirectory) yield name;
  } catch {
    // Nothing can be offered from there. The command itself will say why.
  }
}
