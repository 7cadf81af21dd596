/**
 * Finds the location of a run for reading: by today's rules or, if nothing is there, by earlier
 * rules.
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

/** How to find a run. */
export interface PresentRootOptions {
  /** The storage. */
  readonly storage: OpenStorage;
  /** The environment. */
  readonly io: Io;
  /** Receives explanations. */
  readonly output: Output;
  /** Aborts the search. */
  readonly signal: AbortSignal;
}

/**
 * Finds a run.
 *
 * @param root Its location by today's rules.
 * @param options The values of the options that name the run.
 * @param reading The storage.
 * @returns Its actual location.
 * @throws {RunOutputsError} `not_found`, naming all locations that were tried.
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
 * Finds a run that is not at its location by today's rules. It tries the locations of all periods
 * and forks, which are few, without querying GitHub.
 *
 * @param root Its location by today's rules, where nothing was found.
 * @param options The values of the options that name the run.
 * @param reading The storage.
 * @returns The location that has it, or the locations that do not. Neither, if it is this job's own
 * run, if the user gave the bucket, or if the first location has something after all.
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
    // The requested location was readable; report that this one is not.
    if (!(error instanceof RunOutputsError) || !/^(?:denied|unauth)/.test(error.code)) throw error;
    output.note(`the run may be in another location: ${error.message}`);
    return { looked: [] };
  }
}
