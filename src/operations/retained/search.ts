/**
 * The operation that searches the logs of a run.
 *
 * @module
 */

import { z } from "zod";
import { classify, type OutputKind } from "../../layout/classify.ts";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { LogFile } from "../logs/log_file.ts";
import { type LineQuery, parseQuery, PROBLEMS } from "../logs/query.ts";
import {
  type SearchFile,
  searchFiles,
  type SearchOptions,
  type SearchPlace,
  searchStart,
} from "../logs/search_files.ts";
import { listOutputs } from "../manifest/list_outputs.ts";
import { compareKeys } from "../../layout/compare_keys.ts";
import { versionTag } from "../../storage/version_tag.ts";
import type { RunSearch } from "./answers.ts";
import { formatCursor, parseCursor } from "./cursor.ts";
import { fileChanged, findLog, findRoot, readVersion } from "./log_source.ts";
import { operation, type RunsContext } from "./operation.ts";
import { flagParam, kindParam, runParams, searchAnswer } from "./schemas.ts";

/** How many matching lines an answer has, unless others are wanted. */
const MATCHES = 1000;

/** The kind of files that are searched, unless another is wanted. */
const KIND: OutputKind = "log";

/** Searches the logs of a run, or one of its files. */
export const search = operation({
  summary: "search the logs of a run",
  writes: false,
  params: z.strictObject({
    ...runParams,
    q: z.string().min(1, "expected a text").max(1000, "expected at most 1000 characters")
      .regex(/^[^\r\n]*$/, "expected one line").optional().meta({ description: "What to find." }),
    problems: flagParam.optional().meta({
      description:
        "Instead of 'q': lines with which compilers, build tools and tests report problems.",
    }),
    regex: flagParam.optional().meta({ description: "'q' is a regular expression of RE2." }),
    case: flagParam.optional().meta({ description: "Upper and lower case differ in 'q'." }),
    path: z.string().min(1).optional().meta({ description: "Only this file." }),
    kind: kindParam.optional().meta({
      description: "Files of this kind. Default: log; all kinds, if a path is given.",
    }),
    at: z.coerce.number("expected a whole number of bytes").int().min(0).optional().meta({
      description: "With 'path': only lines that begin at this offset or after it, or before it " +
        "with 'back'.",
    }),
    back: flagParam.optional().meta({ description: "With 'path': the last matches first." }),
    limit: z.coerce.number("expected a whole number from 1 to 10000").int().min(1).max(10_000)
      .default(MATCHES).meta({ description: "How many matching lines at most." }),
    cursor: z.string().min(1).optional().meta({ description: "The 'next' of the page before." }),
  }),
  answer: searchAnswer,
  async run(context, { limit, cursor, at, ...params }): Promise<RunSearch> {
    const { budget = Infinity, label = String } = context;
    const deadline = performance.now() + budget;
    const { run, platform, repo, path, kind, back } = params;
    const query = queryOf(params, label);
    if (path === undefined && (at !== undefined || back)) {
      const name = label(back ? "back" : "at");
      throw new RunOutputsError("invalid", `Cannot use ${name} without ${label("path")}`);
    }
    if (path !== undefined && kind !== undefined) {
      throw new RunOutputsError(
        "invalid",
        `Cannot use ${label("kind")} with ${label("path")}: choose one`,
      );
    }
    const from = cursor === undefined
      ? undefined
      : parseCursor(label("cursor"), cursor, params, placeOf);
    const named = { run, platform, repo };
    const options = { query, limit, back, deadline, signal: context.signal };
    const { key, etag, next, ...found } = path === undefined
      ? await searchRun(context, named, (kind ?? KIND) as OutputKind, { ...options, from })
      : await searchFile(context, named, { path, at }, { ...options, from });
    return {
      schema: "run-outputs.search/1",
      key,
      etag,
      matches: found.matches,
      next: next && formatCursor(JSON.stringify(shownPlace(next)), params),
      files: found.files,
      bytes: found.bytes,
      skipped: found.skipped,
    };
  },
});

function queryOf(
  { q, problems, regex, case: caseSensitive }: {
    readonly q?: string;
    readonly problems?: boolean;
    readonly regex?: boolean;
    readonly case?: boolean;
  },
  label: (name: string) => string,
): LineQuery {
  if (!problems) {
    if (q === undefined) {
      throw new RunOutputsError("invalid", `Missing parameter ${label("q")}: what to find`);
    }
    return parseQuery(q, { regex, caseSensitive, field: label("q") });
  }
  const others = Object.entries({ q, regex, case: caseSensitive });
  const [other] = others.find(([, value]) => value !== undefined && value !== false) ?? [];
  if (other === undefined) return PROBLEMS;
  throw new RunOutputsError(
    "invalid",
    `Cannot use ${label(other)} with ${label("problems")}: choose one`,
  );
}

const placeSchema = z.object({
  path: z.string(),
  etag: z.string(),
  at: z.int().min(0),
  line: z.int().min(1).optional(),
});

function placeOf(after: string): SearchPlace | undefined {
  try {
    return placeSchema.safeParse(JSON.parse(after)).data;
  } catch {
    return undefined;
  }
}

/** A place as a cursor has it, which everybody can read. */
function shownPlace(place: SearchPlace): SearchPlace {
  return { ...place, etag: versionTag(place.etag) };
}

type Found = Awaited<ReturnType<typeof searchFiles>> & {
  readonly key: string;
  readonly etag?: string;
};

type Named = Parameters<typeof findRoot>[1];

/** Searches one file. */
async function searchFile(
  context: RunsContext,
  named: Named,
  { path, at }: { readonly path: string; readonly at?: number },
  options: SearchOptions,
): Promise<Found> {
  const { index: { backend }, label = String, signal } = context;
  const source = await findLog(context, named, path);
  const { key, info } = source;
  const { size } = info;
  const etag = versionTag(info.etag);
  let { from } = options;
  if (from !== undefined && from.etag !== etag) throw fileChanged(key, path);
  if (from === undefined && at !== undefined) {
    if (at > size) throw invalid(label("at"), at, `at most ${size}, the size of the file`);
    const log = new LogFile(backend, info, { signal });
    const start = await readVersion(
      source,
      path,
      () => searchStart(log, at, options.back ?? false),
    );
    from = { path, etag, at: start, line: start === 0 ? 1 : undefined };
  }
  const found = await readVersion(
    source,
    path,
    () => searchFiles(backend, one({ path, info }), { ...options, from, isStrict: true }),
  );
  return { key, etag, ...found };
}

async function* one(file: SearchFile): AsyncGenerator<SearchFile> {
  yield file;
}

/** Searches all files of a kind. */
async function searchRun(
  context: RunsContext,
  named: Named,
  kind: OutputKind,
  options: SearchOptions,
): Promise<Found> {
  const { index, signal } = context;
  const { root, key } = await findRoot(context, named);
  const { from } = options;
  let isEmpty = true;
  async function* files(): AsyncGenerator<SearchFile> {
    for await (const file of filesOf(context, root, kind)) {
      isEmpty = false;
      const order = from === undefined ? 1 : compareKeys(file.path, from.path);
      if (order < 0) continue;
      if (order === 0 && versionTag(file.info.etag) !== from!.etag) {
        throw fileChanged(key, file.path);
      }
      yield file;
    }
  }
  const found = await searchFiles(index.backend, files(), options);
  // Says that there is no such run, if so.
  if (isEmpty) await index.find(key, {}, { signal });
  return { key, ...found };
}

/** The files of a kind. Only the directory of the logs is listed for those. */
async function* filesOf(
  { index, signal }: RunsContext,
  root: RunOutputRoot,
  kind: OutputKind,
): AsyncGenerator<SearchFile> {
  if (kind !== "log" && kind !== "report") {
    for await (const { path, kind: of, info } of listOutputs(index.backend, root, { signal })) {
      if (of === kind) yield { path, info };
    }
    return;
  }
  for await (const info of index.backend.list(root.logsDir(), { signal })) {
    const path = info.location.relativeTo(root.root())!;
    if (classify(path) === kind) yield { path, info };
  }
}
