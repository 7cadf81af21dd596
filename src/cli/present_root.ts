/**
 * Where a run that is to be read is: where the rules put it or, if nothing is there, where they put
 * it once.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";
import { RunOutputRoot } from "../layout/run_output_root.ts";
import { resolveRepository } from "../layout/workflow_run.ts";
import { explainPlaces } from "./github.ts";
import type { Io } from "./terminal/io.ts";
import type { Output } from "./terminal/output.ts";
import { namedRepository, type RunOptions } from "./run_root.ts";
import type { OpenStorage } from "./storage.ts";

/** What a run is looked for in. */
export interface PresentRootOptions {
  /** The storage. */
  readonly storage: OpenStorage;
  /** The environment. */
  readonly io: Io;
  /** Where to explain. */
  readonly output: Output;
  /** Stops the search. */
  readonly signal: AbortSignal;
}

/**
 * Looks for a run.
 *
 * @param root Where today's rules put it.
 * @param options The values of the options that name the run.
 * @param reading The storage.
 * @returns Where it is.
 * @throws {RunOutputsError} `not_found`, naming all places that were looked at.
 */
export async function presentRoot(
  root: RunOutputRoot,
  options: RunOptions,
  reading: PresentRootOptions,
): Promise<RunOutputRoot> {
  const { storage: { backend, show }, signal } = reading;
  for await (const _ of backend.list(root.root(), { signal })) return root;
  const { other, looked } = await otherPlace(root, options, reading);
  if (other !== undefined) return other;
  const { noOutputs } = await import("../operations/manifest/list_outputs.ts");
  throw noOutputs(root, [show(root.root()), ...looked].join(", "));
}

/**
 * Looks for a run that is not where today's rules put it. GitHub is not asked: all times and forks
 * are tried, which are few places.
 *
 * @param root Where today's rules put it; nothing was found there.
 * @param options The values of the options that name the run.
 * @param reading The storage.
 * @returns Another place that holds it, or the places that do not. There are none of either if it is
 * this job's own run, whose place is certain, if the user named the bucket, and if the place that
 * was asked holds something after all.
 */
export async function otherPlace(
  root: RunOutputRoot,
  options: RunOptions,
  { storage, io, output, signal }: PresentRootOptions,
): Promise<{ readonly other?: RunOutputRoot; readonly looked: readonly string[] }> {
  if (options.bucket !== undefined || io.env("GITHUB_RUN_ID") === root.runId) return { looked: [] };
  const { locateRun } = await import("../operations/find/locate_run.ts");
  const { runId, platform, layout } = root;
  try {
    const { root: found, tried } = await locateRun({
      backend: storage.backend,
      runId,
      platform,
      repository: resolveRepository(namedRepository(options), {
        GITHUB_REPOSITORY: io.env("GITHUB_REPOSITORY"),
      }),
      releaseType: options.releaseType,
      signal,
    });
    explainPlaces(runId, tried, output);
    const shown = (place: RunOutputRoot) => storage.show(place.root());
    if (found === undefined) {
      const places = tried.map(({ bucket, prefix }) =>
        shown(
          new RunOutputRoot({ bucket, ...RunOutputRoot.parsePrefix(prefix) }),
        )
      );
      return { looked: [...new Set(places)].filter((place) => place !== shown(root)) };
    }
    if (shown(found) === shown(root)) return { looked: [] };
    const { bucket, externalRepo } = found;
    return {
      other: new RunOutputRoot({ bucket, externalRepo, runId, platform, layout }),
      looked: [],
    };
  } catch (error) {
    // The user asked for a place that could be looked at; of this one they are told.
    if (!(error instanceof RunOutputsError) || !/^(?:denied|unauth)/.test(error.code)) throw error;
    output.note(`the run may be elsewhere: ${error.message}`);
    return { looked: [] };
  }
}
