/**
 * The operations on retained runs: one table for the command line and the service.
 *
 * @module
 */

import { z } from "zod";
import { compareKeys } from "../../layout/compare_keys.ts";
import { invalid, RunOutputsError } from "../../errors/error.ts";
import { uriEncodeKey } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { parseDuration } from "../../layout/words.ts";
import { beingDeleted } from "../../runs/deleting.ts";
import type { MergedFile } from "../../runs/merge_parts.ts";
import { formatPin, PIN_SCHEMA } from "../../runs/retention/pin.ts";
import { formatRunKey, parseRunKey, tryParseRunKey } from "../../runs/retention/run_key.ts";
import { bytesSource } from "../../storage/byte_source.ts";
import { contentType } from "../../storage/content_type.ts";
import { joinAll, listOutputs } from "../manifest/list_outputs.ts";
import { NO_MANIFEST, readOutputs, type RunManifest } from "../manifest/read.ts";
import type {
  LatestDetails,
  ManifestFile,
  RunDetails,
  RunList,
  RunManifestDetails,
  RunPins,
  RunReports,
} from "./answers.ts";
import { formatCursor, parseCursor } from "./cursor.ts";
import type { RetainedRun } from "./describe.ts";
import { files } from "./files.ts";
import { lines } from "./lines.ts";
import { operation, parseTime, type RunsContext, searchFilter } from "./operation.ts";
import { problem } from "./problem.ts";
import type { RunIndex } from "./run_index.ts";
import { latestRun, scanRuns } from "./scan.ts";
import { search } from "./search.ts";
import {
  completenessParam,
  filterParams,
  flagParam,
  kindParam,
  latestAnswer,
  listAnswer,
  manifestAnswer,
  pinsAnswer,
  reportsAnswer,
  runParams,
  searchParams,
  showAnswer,
} from "./schemas.ts";

/** A day in milliseconds. */
const DAY = 86_400_000;

/** How many runs a page has, unless more are wanted. */
const PAGE = 50;

/** Lists runs, the newest first. */
const list = operation({
  summary: "list the runs, the newest first",
  writes: false,
  params: z.strictObject({
    ...searchParams,
    limit: z.coerce.number("expected a whole number from 1 to 1000").int().min(1).max(1000)
      .default(PAGE),
    cursor: z.string().min(1).optional(),
  }),
  answer: listAnswer,
  async run(context, { limit, cursor, ...filters }): Promise<RunList> {
    const { index, budget, label = String, signal } = context;
    const { runs, scanned, last, age } = await scanRuns(index, {
      filter: searchFilter(context, filters),
      limit,
      after: cursor === undefined
        ? undefined
        : parseCursor(label("cursor"), cursor, filters, tryParseRunKey),
      budget,
      signal,
    });
    return {
      schema: "run-outputs.retained-runs/1",
      runs: runs.map((run) => ({ ...run, reports: run.reports.length })),
      next: last && formatCursor(formatRunKey(last), filters),
      scanned,
      age,
    };
  },
});

/** The newest run that is not incomplete. */
const latest = operation({
  summary: "show the latest run that is not incomplete",
  writes: false,
  params: z.strictObject({
    ...filterParams,
    has: kindParam.optional(),
    completeness: completenessParam.optional(),
    after: z.string().min(1).optional(),
    allow_incomplete: flagParam.optional(),
  }),
  answer: latestAnswer,
  async run(
    { index, label = String, signal },
    { after, allow_incomplete: allowIncomplete, ...filter },
  ): Promise<LatestDetails> {
    const { run, skipped, age } = await latestRun(index, {
      filter,
      after,
      afterField: label("after"),
      allowIncomplete,
      signal,
    });
    if (run !== undefined) {
      return { schema: "run-outputs.retained-run/1", ...run, passed_over: skipped, age };
    }
    const newer = after === undefined ? "" : ` newer than ${after}`;
    const [first] = skipped;
    const more = skipped.length > 1 ? `, and ${skipped.length - 1} more` : "";
    const why = first === undefined ? "none matches" : `${first.key} is ${first.reason}${more}`;
    throw problem(
      "not_found",
      after === undefined ? "no-eligible-run" : "nothing-newer",
      `No eligible run${newer} in ${index.where}: ${why}`,
      { passed_over: skipped },
    );
  },
});

/** One run. */
const show = operation({
  summary: "show a run",
  writes: false,
  params: z.strictObject(runParams),
  answer: showAnswer,
  async run({ index, signal }, { run, ...choice }): Promise<RunDetails> {
    const found = await index.find(run, choice, { signal });
    return { schema: "run-outputs.retained-run/1", ...found };
  },
});

/** The reports of a run. */
const reports = operation({
  summary: "list the reports of a run",
  writes: false,
  params: z.strictObject(runParams),
  answer: reportsAnswer,
  async run({ index, signal }, { run, ...choice }): Promise<RunReports> {
    const found = await index.find(run, choice, { signal });
    let all = [...found.reports];
    if (found.reports_truncated) {
      all = [];
      for await (
        const { path, kind, info } of listOutputs(index.backend, rootOf(index, found), { signal })
      ) {
        if (kind === "report") all.push({ path, size: info.size });
      }
    }
    return {
      schema: "run-outputs.reports/1",
      key: found.key,
      reports: all.map(({ path, size }) => ({
        path,
        title: path.replace(/^logs\//, "").split("/").join(": "),
        size,
        href: `reports/${uriEncodeKey(path)}`,
      })),
    };
  },
});

/** The outputs manifest of a run, merged from its parts. */
const manifest = operation({
  summary: "show the outputs manifest of a run, merged from its parts",
  writes: false,
  params: z.strictObject({ ...runParams, kind: kindParam.optional() }),
  answer: manifestAnswer,
  async run(context, { run, kind, ...choice }): Promise<RunManifestDetails> {
    const { index, signal } = context;
    const found = await index.find(run, choice, { signal });
    const root = rootOf(index, found);
    if (found.deleting !== undefined) {
      throw beingDeleted(found.key, new Date(found.deleting.since));
    }
    const isBroken = found.artifact_manifest.status === "broken";
    const outputs = isBroken ? NO_MANIFEST : await readOutputs(index.backend, root, { signal });
    return {
      schema: "run-outputs.artifact-manifest/1",
      key: found.key,
      artifact_manifest: found.artifact_manifest,
      parts: outputs.parts.map(({ head, count }) => ({
        part: head.part,
        files: count,
        run_id: head.run.run_id,
        run_attempt: head.run.run_attempt,
        created_at: head.created_at,
      })).sort((a, b) => compareKeys(a.part, b.part)),
      expected: outputs.expected,
      missing_parts: found.missing_parts,
      files: filesOf(listedFiles(context, root, outputs), kind),
    };
  },
});

/** The files in a manifest. Whether a removed one was uploaded again, only a listing says. */
async function* listedFiles(
  { index: { backend }, signal }: RunsContext,
  root: RunOutputRoot,
  outputs: RunManifest,
): AsyncGenerator<MergedFile> {
  if (outputs.removed === undefined) return yield* outputs.files();
  for await (const { listed, info } of joinAll(backend, root, outputs, { signal })) {
    if (listed === undefined) continue;
    yield info === undefined ? listed : { ...listed, removal: undefined };
  }
}

async function* filesOf(
  files: AsyncIterable<MergedFile>,
  kind: string | undefined,
): AsyncGenerator<ManifestFile> {
  for await (const { file, parts, conflicts, removal } of files) {
    if (kind !== undefined && file.kind !== kind) continue;
    const { path, kind: of, size, sha256, content_type } = file;
    yield {
      ...{ path, kind: of, size, sha256, content_type, parts },
      conflicts: conflicts.length === 0 ? undefined : conflicts.map(({ part }) => part),
      removed: removal && { at: removal.at, rule: removal.rule },
    };
  }
}

const pinName = z.string().min(1).default("manual");

/** Pins a run. */
const pin = operation({
  summary: "pin a run, so that it is not deleted",
  writes: true,
  params: z.strictObject({
    ...runParams,
    name: pinName,
    reason: z.string().min(1),
    until: z.string().optional(),
  }),
  answer: pinsAnswer,
  async run(context, { run, name, reason, until, ...choice }): Promise<RunPins> {
    const { index, by, label = String, signal } = context;
    const now = index.now();
    const end = parseEnd(label("until"), until, now);
    const found = await index.find(run, choice, { signal });
    if (found.deleting !== undefined) {
      throw beingDeleted(found.key, new Date(found.deleting.since));
    }
    const location = rootOf(index, found).retentionPin(name);
    const text = formatPin({
      schema: PIN_SCHEMA,
      name,
      reason,
      by,
      created_at: now.toISOString(),
      until: end?.toISOString(),
    });
    try {
      const type = contentType(location.key);
      const options = { ifAbsent: true, contentType: type, signal };
      await index.backend.write(location, bytesSource(text), options);
    } catch (error) {
      if (!(error instanceof RunOutputsError) || error.code !== "conflict") throw error;
      const old = found.pins.find((one) => one.name === name);
      const why = old?.reason === undefined ? "" : ` (${old.reason})`;
      throw problem(
        "conflict",
        "pin-exists",
        `Cannot pin ${found.key}: it has a pin '${name}' already${why}; use another name, or ` +
          "delete that pin first",
        { run: found.key, name },
      );
    }
    return await pinsOf(context, found);
  },
});

/** Deletes a pin. */
const unpin = operation({
  summary: "delete a pin of a run",
  writes: true,
  params: z.strictObject({ ...runParams, name: pinName }),
  answer: pinsAnswer,
  async run(context, { run, name, ...choice }): Promise<RunPins> {
    const { index, signal } = context;
    const found = await index.find(run, choice, { signal });
    if (!found.pins.some((one) => one.name === name)) {
      const names = found.pins.map((one) => `'${one.name}'`).join(", ");
      throw problem(
        "not_found",
        "unknown-pin",
        `${found.key} has no pin '${name}'${names === "" ? "" : `; it has ${names}`}`,
        { run: found.key, name },
      );
    }
    await index.backend.delete(rootOf(index, found).retentionPin(name), { signal });
    return await pinsOf(context, found);
  },
});

/** All operations, by their names on the command line. */
export const RUNS_OPERATIONS = {
  list,
  latest,
  show,
  reports,
  manifest,
  files,
  lines,
  search,
  pin,
  unpin,
} as const;

async function pinsOf({ index, signal }: RunsContext, { key }: RetainedRun): Promise<RunPins> {
  const run = await index.find(key, {}, { signal });
  return { schema: "run-outputs.pins/1", key, pins: run.pins };
}

/** When a pin ends: a time, the end of a day, or so long from now, such as `30d`. */
function parseEnd(field: string, value: string | undefined, now: Date): Date | undefined {
  if (value === undefined) return undefined;
  const length = parseDuration(value);
  const expected = "a date, a time in ISO 8601, or a time from now";
  const end = length !== undefined
    ? now.getTime() + length
    : parseTime(field, value, now, expected)!.getTime() + (/T/i.test(value) ? 0 : DAY);
  if (end > now.getTime()) return new Date(end);
  throw invalid(field, value, "a time that is not over yet");
}

function rootOf(index: RunIndex, { key }: RetainedRun): RunOutputRoot {
  return index.root(parseRunKey(key));
}
