/**
 * `/runs`: the mirror jobs of this process over HTTP.
 *
 * @module
 */

import { z } from "zod";
import { quote } from "../../errors/error.ts";
import { uriEncodeKey } from "../../layout/output_location.ts";
import { checkParams } from "../../operations/retained/operation.ts";
import { formatRunKey, tryParseRunKey } from "../../runs/retention/run_key.ts";
import { jsonAnswer } from "../answer.ts";
import { readJson } from "../body.ts";
import type { Handler, ServiceContext, ServiceRequest } from "../context.ts";
import { JOB_STATES, type Mirror, type MirrorJob } from "../mirror_jobs.ts";
import { httpError } from "../problem.ts";
import { readOnlyStorage } from "./space.ts";

/** For how many seconds an answer about a job waits at most: proxies end requests after a minute. */
export const MAX_WAIT = 30;

/** The body of a request for a job. */
export const jobRequest = z.strictObject({
  source: z.string().meta({ description: "The name of a configured source." }),
  repository: z.string().optional().meta({
    description: "The repository of the run, OWNER/NAME. Default: ROCm/TheRock.",
  }),
  run_id: z.string(),
  platform: z.enum(["linux", "windows"]),
  release_type: z.string().optional().meta({ description: "Default: ci." }),
  include: z.array(z.string().min(1)).min(1).max(100).optional().meta({
    description: "Globs of paths in the run. Default: all files.",
  }),
  require_complete: z.boolean().optional().meta({
    description: "Fail before anything is copied, if an expected part of the run is missing.",
  }),
});

const count = { files: z.int(), bytes: z.int() };

const jobMembers = {
  job: z.string(),
  state: z.enum(JOB_STATES),
  run: z.string().meta({ description: "The key of the run in the staging directory." }),
  request: jobRequest,
  ...count,
  total: z.strictObject(count).optional().meta({
    description: "All files to copy; absent until the source has been listed.",
  }),
  created_at: z.string(),
  started_at: z.string().optional(),
  finished_at: z.string().optional(),
  error: z.looseObject({ type: z.string(), status: z.int(), detail: z.string() }).optional(),
};

/** The answer about a job. */
export const jobAnswer = z.strictObject({
  schema: z.literal("run-outputs.mirror-job/1"),
  ...jobMembers,
});

/** The answer with all jobs. */
export const jobsAnswer = z.strictObject({
  schema: z.literal("run-outputs.mirror-jobs/1"),
  jobs: z.array(z.strictObject(jobMembers)).meta({ description: "The newest first." }),
  sources: z.array(z.string()).meta({ description: "The sources that a request can name." }),
  since: z.string().meta({ description: "When this process started: it knows no earlier jobs." }),
  note: z.string(),
});

/** The parameters of a job. */
export const jobParams = z.strictObject({ job: z.string() });

/** `GET /runs` */
export const jobsHandler: Handler = async ({ request }, { mirror, startedAt }) =>
  await jsonAnswer(request, {
    schema: "run-outputs.mirror-jobs/1",
    jobs: await mirror?.list() ?? [],
    sources: mirror?.sources ?? [],
    since: startedAt.toISOString(),
    note:
      "the mirror jobs of this process, from memory: empty after a restart; the runs themselves " +
      "are at retained-runs",
  });

/** `POST /runs` */
export const submitHandler: Handler = async (request, { mirror, where }) => {
  if (mirror === undefined) throw readOnlyStorage(`${where} is not a staging directory`);
  const job = await mirror.submit(checkParams(jobRequest, await readJson(request)));
  return await answerJob(request, job, 202, { location: `runs/${uriEncodeKey(job.job)}` });
};

/**
 * `GET /runs/{job}`; with `Prefer: wait=SECONDS` (RFC 7240) when the state of the job has changed, or
 * then.
 */
export const jobHandler: Handler = async (request, context) => {
  const { mirror } = context;
  const job = await mirror?.find(request.params.job) ?? await unknownJob(request, context);
  const wait = preferredWait(request.request.headers);
  if (mirror === undefined || wait === undefined) return await answerJob(request, job);
  const changed = await waitForChange(mirror, job, wait, request.request.signal);
  const applied = changed && { "preference-applied": `wait=${wait}` };
  return await answerJob(request, changed ?? job, 200, applied);
};

/** For how many seconds a client wants to wait for an answer, if it says so. */
function preferredWait(headers: Headers): number | undefined {
  const wait = /(?:^|,)\s*wait\s*=\s*"?(\d+)"?\s*(?:$|[,;])/i.exec(headers.get("prefer") ?? "");
  return wait === null ? undefined : Math.min(Number(wait[1]), MAX_WAIT);
}

/** Waits until the time is over, or the client has gone; `undefined`: too many wait. */
async function waitForChange(
  mirror: Mirror,
  { job, state }: MirrorJob,
  seconds: number,
  gone: AbortSignal,
): Promise<MirrorJob | undefined> {
  const over = new AbortController();
  const end = () => over.abort();
  if (seconds === 0 || gone.aborted) end();
  const timer = setTimeout(end, 1000 * seconds);
  gone.addEventListener("abort", end);
  try {
    return await mirror.waitForChange(job, state, over.signal);
  } finally {
    clearTimeout(timer);
    gone.removeEventListener("abort", end);
  }
}

/** `DELETE /runs/{job}` */
export const cancelHandler: Handler = async (request, context) => {
  const job = await context.mirror?.cancel(request.params.job);
  return await answerJob(request, job ?? await unknownJob(request, context));
};

async function answerJob(
  { request }: ServiceRequest,
  job: MirrorJob,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return await jsonAnswer(request, { schema: "run-outputs.mirror-job/1", ...job }, {
    status,
    headers,
  });
}

/** A job of an earlier process has a run, which its id names. */
async function unknownJob(
  { params: { job }, base, signal }: ServiceRequest,
  { index, startedAt }: ServiceContext,
): Promise<never> {
  const run = tryParseRunKey(job.slice(0, Math.max(0, job.lastIndexOf("."))));
  const kept = run && await index.describe(run, { signal });
  const key = run && formatRunKey(run);
  const href = `${base}retained-runs/${uriEncodeKey(key ?? "")}`;
  const here = kept && `; the run ${key} is at ${href} (${kept.completeness})`;
  throw httpError(
    404,
    "unknown-job",
    `No job ${quote(job)}: this process started at ${startedAt.toISOString()} and knows its last ` +
      `jobs only${here ?? ""}; send the request again to continue a job that did not end`,
    { details: here === undefined ? {} : { run: key, href } },
  );
}
