/**
 * The operation that reads lines of a file of a run.
 *
 * @module
 */

import { z } from "zod";
import { RunOutputsError } from "../../errors/error.ts";
import { formatBytes, plural } from "../../layout/words.ts";
import { LineIndexes, type LineStart } from "../logs/line_index.ts";
import { LogFile } from "../logs/log_file.ts";
import { readLines } from "../logs/read_lines.ts";
import type { RunLines } from "./answers.ts";
import { versionTag } from "../../storage/version_tag.ts";
import { fileChanged, findLog, type LogSource, readVersion } from "./log_source.ts";
import { operation } from "./operation.ts";
import { problem } from "./problem.ts";
import type { RunIndex } from "./run_index.ts";
import { flagParam, linesAnswer, runParams } from "./schemas.ts";

/** The line numbers of the logs in a place. A program that serves many requests keeps its index. */
const lineIndexes = new WeakMap<RunIndex, LineIndexes>();

/** How many rows an answer has, unless others are wanted. */
const ROWS = 300;

/** Reads lines of a file. */
export const lines = operation({
  summary: "read lines of a log or another text file of a run",
  writes: false,
  params: z.strictObject({
    ...runParams,
    path: z.string().min(1).meta({ description: "The file's path relative to the run." }),
    at: z.coerce.number("expected a whole number of bytes").int().min(0).optional().meta({
      description: "The offset of a byte. Default: the start; with 'back', the end of the file.",
    }),
    line: z.coerce.number("expected a whole number from 1").int().min(1).optional().meta({
      description: "Instead of 'at': the number of a line.",
    }),
    back: flagParam.optional().meta({ description: "The rows before that place." }),
    count: z.coerce.number("expected a whole number from 1 to 2000").int().min(1).max(2000)
      .default(ROWS).meta({ description: "How many rows at most." }),
    etag: z.string().min(1).optional().meta({
      description:
        "The version that earlier rows were read from; the answer is an error, if it is " +
        "another one now.",
    }),
  }),
  answer: linesAnswer,
  async run(
    context,
    { run, platform, repo, path, at, line, back, count, etag },
  ): Promise<RunLines> {
    const { index, budget = Infinity, label = String, signal } = context;
    if (at !== undefined && line !== undefined) {
      throw new RunOutputsError(
        "invalid",
        `Cannot use ${label("line")} with ${label("at")}: choose one`,
      );
    }
    const source = await findLog(context, { run, platform, repo }, path);
    const { key, info } = source;
    const version = versionTag(info.etag);
    if (etag !== undefined && etag !== version) throw fileChanged(key, path);
    const file = new LogFile(index.backend, info, { signal });
    const indexes = lineIndexes.get(index) ?? new LineIndexes();
    lineIndexes.set(index, indexes);
    const read = <T>(reading: () => Promise<T>) => readVersion(source, path, reading);
    let from = at;
    if (line !== undefined) {
      const deadline = performance.now() + budget;
      const found = await read(() => indexes.obtain(info).find(file, line, deadline));
      from = offsetOf(found, { source, path, line });
    }
    const knownLines = indexes.get(info);
    const options = { at: from, back, count, line, index: knownLines, field: label("at") };
    const { start, end, rows } = await read(() => readLines(file, options));
    const { size } = info;
    const schema = "run-outputs.lines/1";
    return { schema, key, path, size, etag: version, start, end, rows };
  },
});

/** The offset of a line, if it was found. */
function offsetOf(
  found: LineStart,
  { source: { key, info: { size } }, path, line }: {
    readonly source: LogSource;
    readonly path: string;
    readonly line: number;
  },
): number {
  if ("at" in found) return found.at;
  const where = `line ${line} of '${path}' of run ${key}`;
  const details = { run: key, path, line, size, ...found };
  if ("lines" in found) {
    const message = `No ${where}: it has ${plural(found.lines, "line")}`;
    throw problem("not_found", "unknown-line", message, details);
  }
  const counted = `${formatBytes(found.counted)} of ${formatBytes(size)}`;
  throw problem(
    "transient",
    "still-counting",
    `Cannot find ${where} yet: its lines are counted, ${counted} so far; try again`,
    details,
  );
}
