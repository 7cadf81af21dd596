/**
 * The part of the outputs manifest that an upload writes: its name, and the facts about the job from
 * the environment.
 *
 * @module
 */

import { checkPart } from "../../run_manifest.ts";
import config from "../../../../deno.json" with { type: "json" };
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";
import { headBranch, headCommit, resolveRepository } from "../../../layout/workflow_run.ts";
import type { PartUpload, PartUploadOptions } from "../../../operations/manifest/write_part.ts";
import type { UploadPlan } from "../../../operations/upload/plan.ts";
import type { UploadItem } from "../../../storage/transfer/upload.ts";
import type { PartSubject } from "../../../runs/part_name.ts";
import type { Context } from "../../context.ts";
import type { Io } from "../../terminal/io.ts";
import type { Output } from "../../terminal/output.ts";
import type { RunOptions } from "../../run_root.ts";
import type { OpenStorage } from "../../storage.ts";

/** The values of the options for the outputs manifest. */
export interface PartOptions extends RunOptions {
  readonly part?: string;
  readonly expectParts?: readonly string[];
}

/**
 * Checks the names of parts before anything else.
 *
 * @param options The values of the options.
 * @param root The run.
 * @throws {RunOutputsError} `invalid`, naming the option and the value.
 */
export function checkPartOptions({ part, expectParts = [] }: PartOptions, root: RunOutputRoot) {
  if (part !== undefined) checkPart("--part", part, root);
  for (const name of expectParts) checkPart("--expect-parts", name, root);
}

/** What an upload's part needs. */
export interface OpenPartOptions {
  /** What is uploaded. */
  readonly subject: PartSubject;
  /** The plan of the upload. */
  readonly planned: UploadPlan<Iterable<UploadItem>>;
  /** The run. */
  readonly root: RunOutputRoot;
  /** The storage. */
  readonly storage: OpenStorage;
  /** Receives notes. */
  readonly output: Output;
  /** Aborts the upload. */
  readonly signal: AbortSignal;
}

/**
 * Creates the part of an upload.
 *
 * @param context The main program.
 * @param options The values of the command's options.
 * @param upload The upload.
 * @returns The part; nothing is written yet.
 */
export async function openPart(
  { io }: Context,
  options: PartOptions,
  { subject, planned, root, storage, output, signal }: OpenPartOptions,
): Promise<PartUpload> {
  const { PartUpload } = await import("../../../operations/manifest/write_part.ts");
  const { defaultPartName } = await import("../../../runs/part_name.ts");
  const { items, last = [], failures } = planned;
  const paths = {
    // Include rejected files, so that the next upload, which has them, uses the same part.
    *[Symbol.iterator]() {
      for (const list of [items, last, failures]) {
        for (const { location } of list) {
          const path = location.relativeTo(root.root())!;
          if (path !== "") yield path;
        }
      }
    },
  };
  const part = options.part ?? defaultPartName(subject, paths, io.env("GITHUB_JOB") || undefined);
  output.explain(
    `part ${part} of the outputs manifest: name from ${
      options.part === undefined ? "job, command and options" : "--part"
    }`,
  );
  return new PartUpload(storage.backend, root, {
    part,
    tool: `run-outputs/${config.version}`,
    ...jobOf(options, root, io),
    show: storage.show,
    onNote: (note) => output.note(note),
    signal,
  });
}

/** The facts about the run and the job from the environment; none for another run. */
function jobOf(
  options: RunOptions,
  root: RunOutputRoot,
  io: Io,
): Pick<PartUploadOptions, "run" | "writer"> {
  const env = (name: string) => io.env(name) || undefined;
  const named = options.repo ?? options.runGithubRepo ?? env("GITHUB_REPOSITORY");
  const repository = named && resolveRepository(named);
  if (env("GITHUB_RUN_ID") !== root.runId) return { run: given({ repository }) };
  const attempt = Number(env("GITHUB_RUN_ATTEMPT"));
  const commit = headCommit(
    {
      GITHUB_SHA: env("GITHUB_SHA"),
      GITHUB_EVENT_NAME: env("GITHUB_EVENT_NAME"),
      GITHUB_EVENT_PATH: env("GITHUB_EVENT_PATH"),
    },
    Deno.readTextFileSync,
  );
  return {
    run: given({
      repository,
      run_attempt: Number.isSafeInteger(attempt) && attempt > 0 ? attempt : undefined,
      commit,
      branch: headBranch({
        GITHUB_HEAD_REF: env("GITHUB_HEAD_REF"),
        GITHUB_REF_NAME: env("GITHUB_REF_NAME"),
        GITHUB_REF_TYPE: env("GITHUB_REF_TYPE"),
      }),
      workflow: workflowFile(env("GITHUB_WORKFLOW_REF")) ?? env("GITHUB_WORKFLOW"),
    }),
    writer: given({ job: env("GITHUB_JOB"), runner: env("RUNNER_NAME") }),
  };
}

/** `ci.yml` of `OWNER/NAME/.github/workflows/ci.yml@refs/heads/main`. */
function workflowFile(ref: string | undefined): string | undefined {
  return /\/([^/@]+\.ya?ml)@/.exec(ref ?? "")?.[1];
}

/** The members that have a value. */
function given<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as Partial<T>;
}
