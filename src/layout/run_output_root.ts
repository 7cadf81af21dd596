/**
 * The root of a run's outputs: its bucket and its prefix.
 *
 * @module
 */

import { type BucketQuestion, selectBucket } from "./buckets.ts";
import { invalid } from "../errors/error.ts";
import { OutputLocation } from "./output_location.ts";
import { type Layout, OutputPaths, type Platform } from "./output_paths.ts";
import { checkBucket, checkSegment } from "./validate.ts";
import {
  describeRun,
  resolveRepository,
  type RunOriginOptions,
  type WorkflowRun,
} from "./workflow_run.ts";

/** The parts of a run's prefix. */
export interface RunPrefix {
  /** `""`, or `{owner}-{repo}/`. */
  readonly externalRepo: string;
  /** The run's id. */
  readonly runId: string;
  /** The platform that the run builds for. */
  readonly platform: Platform;
}

/** Options of {@linkcode RunOutputRoot}. */
export interface RunOutputRootOptions {
  /** The bucket's name. */
  readonly bucket: string;
  /** `""`, or `{owner}-{repo}/`. Default: `""`. */
  readonly externalRepo?: string;
  /** The run's id: letters, digits, `.`, `_` and `-`, beginning with a letter or digit. */
  readonly runId: string | number;
  /** The platform that the run builds for. */
  readonly platform: Platform;
  /** The layout. Default: `flat`. */
  readonly layout?: Layout;
}

/** Options of {@linkcode RunOutputRoot.fromWorkflowRun}, without a look-up. */
export interface FromWorkflowRunOptions extends RunOriginOptions {
  /** The platform that the run builds for. */
  readonly platform: Platform;
  /** The layout. Default: `flat`. */
  readonly layout?: Layout;
  /** Whether the outputs are read, not written. Then the release type `release` is valid too. */
  readonly reading?: boolean;
  /** Without a look-up. */
  readonly lookupWorkflowRun?: false;
}

/** Options of {@linkcode RunOutputRoot.fromWorkflowRun}, with a look-up. */
export interface LookupWorkflowRunOptions
  extends Omit<FromWorkflowRunOptions, "lookupWorkflowRun" | "workflowRun"> {
  /** Looks up a run; called once. */
  readonly lookupWorkflowRun: (repository: string, runId: string) => Promise<WorkflowRun>;
}

/** Options of {@linkcode RunOutputRoot.forLocal}. */
export interface ForLocalOptions {
  /** The run's id. Default: `local`. */
  readonly runId?: string | number;
  /** The platform that the run builds for. */
  readonly platform: Platform;
  /** The layout. Default: `flat`. */
  readonly layout?: Layout;
}

/**
 * The root of one run's outputs. Immutable. It inherits a method for each output from
 * {@linkcode OutputPaths}.
 *
 * @example
 * ```ts
 * import { RunOutputRoot } from "@therock/run-outputs";
 *
 * const root = RunOutputRoot.fromWorkflowRun({ runId: 12345, platform: "linux" });
 * console.assert(root.prefix === "12345-linux");
 * console.assert(
 *   root.logIndex("gfx94X-dcgpu").s3Uri ===
 *     "s3://therock-ci-artifacts/12345-linux/logs/gfx94X-dcgpu/index.html",
 * );
 * ```
 */
export class RunOutputRoot extends OutputPaths {
  /** The bucket's name. */
  readonly bucket: string;
  /** `""`, or `{owner}-{repo}/`. */
  readonly externalRepo: string;
  /** The run's id. */
  readonly runId: string;
  /** The platform that the run builds for. */
  readonly platform: Platform;
  /** The layout. */
  readonly layout: Layout;

  /**
   * Creates a root.
   *
   * @param options The run and its bucket.
   * @throws {RunOutputsError} `invalid`, naming the field and the value.
   */
  constructor(options: RunOutputRootOptions) {
    super();
    this.bucket = checkBucket("bucket", options.bucket);
    this.externalRepo = checkExternalRepo(options.externalRepo ?? "");
    this.runId = checkRunId(options.runId);
    this.platform = checkPlatform(options.platform);
    this.layout = checkLayout(options.layout ?? "flat");
    checkSegment("run id", `${this.runId}-${this.platform}`);
    Object.freeze(this);
  }

  /**
   * The root of a workflow run's outputs, in the run's bucket.
   *
   * Without a look-up this is a plain function of its arguments: no network, no disk (except
   * `readTextFile`) and no environment except `env`. See {@linkcode describeRun} for the origin of
   * each value.
   *
   * @param options The run, and what is known about it.
   * @returns The root; with a look-up, a promise of it.
   * @throws {RunOutputsError} `invalid`, naming the field or variable and its value.
   */
  static fromWorkflowRun(options: FromWorkflowRunOptions): RunOutputRoot;
  /**
   * The same, with information from GitHub.
   *
   * @param options The run, and how to look it up.
   * @returns A promise of the root.
   */
  static fromWorkflowRun(options: LookupWorkflowRunOptions): Promise<RunOutputRoot>;
  static fromWorkflowRun(
    options: FromWorkflowRunOptions | LookupWorkflowRunOptions,
  ): RunOutputRoot | Promise<RunOutputRoot> {
    return typeof options.lookupWorkflowRun === "function"
      ? fromLookup(options as LookupWorkflowRunOptions)
      : fromQuestion(options, describeRun(options as FromWorkflowRunOptions));
  }

  /**
   * The root of outputs that never leave this machine, in a bucket called `local`.
   *
   * @param options The platform, and the run id if it is not `local`.
   * @returns The root.
   * @throws {RunOutputsError} `invalid`, naming the field and the value.
   */
  static forLocal(options: ForLocalOptions): RunOutputRoot {
    const { runId = "local", platform, layout } = options;
    return new RunOutputRoot({ bucket: "local", runId, platform, layout });
  }

  /**
   * Parses a prefix; the inverse of {@linkcode RunOutputRoot.prefix}.
   *
   * @param prefix A prefix, without a trailing `/`.
   * @returns Its parts.
   * @throws {RunOutputsError} `invalid`, if it is invalid.
   */
  static parsePrefix(prefix: string): RunPrefix {
    const match = /^([^/]+\/)?([A-Za-z0-9][A-Za-z0-9._-]*)-(linux|windows)$/.exec(prefix);
    if (match === null) throw invalid("run prefix", prefix, "[OWNER-REPO/]RUN_ID-linux|windows");
    const [, externalRepo = "", runId, platform] = match;
    return {
      externalRepo: checkExternalRepo(externalRepo),
      runId: checkRunId(runId),
      platform: checkPlatform(platform),
    };
  }

  /** The key of the run's directory: `{externalRepo}{runId}-{platform}`, without a final `/`. */
  get prefix(): string {
    return `${this.externalRepo}${this.runId}-${this.platform}`;
  }

  /** The run's prefix: the directory of all its outputs. */
  root(): OutputLocation {
    return new OutputLocation(this.bucket, this.prefix);
  }
}

async function fromLookup(options: LookupWorkflowRunOptions): Promise<RunOutputRoot> {
  const runId = checkRunId(options.runId);
  checkPlatform(options.platform);
  const repository = resolveRepository(options.repository, options.env);
  const workflowRun = await options.lookupWorkflowRun(repository, runId);
  return fromQuestion(options, describeRun({ ...options, workflowRun }));
}

function fromQuestion(
  options: FromWorkflowRunOptions | LookupWorkflowRunOptions,
  question: BucketQuestion,
): RunOutputRoot {
  const { bucket, externalRepo } = selectBucket({ ...question, reading: options.reading });
  const { runId, platform, layout } = options;
  return new RunOutputRoot({ bucket, externalRepo, runId, platform, layout });
}

function checkExternalRepo(externalRepo: string): string {
  if (externalRepo === "") return externalRepo;
  if (typeof externalRepo !== "string" || !/^(?!\.\.?\/)[^/]+\/$/.test(externalRepo)) {
    throw invalid("external repository", externalRepo, "nothing, or OWNER-REPO/");
  }
  checkSegment("external repository", externalRepo.slice(0, -1));
  return externalRepo;
}

function checkRunId(runId: string | number): string {
  const text = typeof runId === "string" || Number.isSafeInteger(runId) ? String(runId) : "";
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) {
    throw invalid("run id", runId, "letters, digits, '.', '_' and '-', a letter or digit first");
  }
  return text;
}

function checkPlatform(platform: string): Platform {
  if (platform === "linux" || platform === "windows") return platform;
  throw invalid("platform", platform, "linux or windows");
}

function checkLayout(layout: string): Layout {
  if (layout === "flat" || layout === "typed") return layout;
  throw invalid("layout", layout, "flat or typed");
}
