/**
 * Opens a bisect for a command: its locked state directory, and the source of its artifacts.
 *
 * @module
 */

import { basename } from "node:path";
import type { GithubClient } from "../../../github/client.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import type { BisectParts } from "../../../operations/bisect/bisect.ts";
import type { BisectSource } from "../../../operations/bisect/source.ts";
import type { BisectState } from "../../../operations/bisect/state.ts";
import type { BisectStore } from "../../../operations/bisect/store.ts";
import { readBisectArgs } from "./options.ts";
import { unpackLimits } from "../fetch/options.ts";
import { explainSearch, openGithubClient } from "../../github.ts";
import { type Io, withEnv } from "../../terminal/io.ts";
import { openCache } from "../fetch/open_cache.ts";
import type { Output } from "../../terminal/output.ts";
import { withProgress } from "../../terminal/progress.ts";
import { searchPatterns, selectionOf } from "../../selection.ts";
import { openForReading } from "../../storage.ts";

/** What a command passes to a session. */
export interface SessionWorld {
  /** The environment. */
  readonly io: Io;
  /** Receives notes. */
  readonly output: Output;
  /** Aborts everything. */
  readonly signal: AbortSignal;
}

/** The settings in the state. */
interface Settings {
  readonly args: readonly string[];
}

/**
 * The settings of a bisect, for its state.
 *
 * @param args The options of `bisect start`.
 * @returns The settings.
 */
export function bisectSettings(args: readonly string[]): Readonly<Record<string, unknown>> {
  return { args } satisfies Settings;
}

/**
 * The arguments of `bisect start`.
 *
 * @param state The bisect.
 * @returns The arguments, without the good and bad commits.
 * @throws {RunOutputsError} `integrity`, if the state has none.
 */
export function argsOf({ settings }: BisectState): readonly string[] {
  const { args } = settings as Partial<Settings>;
  if (Array.isArray(args) && args.every((arg) => typeof arg === "string")) return args;
  throw new RunOutputsError(
    "integrity",
    "Cannot read the options of the bisect: settings.args is not a list of strings; 'run-outputs " +
      "bisect reset' deletes it",
  );
}

/** The source of a bisect's artifacts. */
export interface OpenSource extends Disposable {
  /** The source. */
  readonly source: BisectSource;
  /** The GitHub client that it uses. */
  readonly github: GithubClient;
}

/**
 * Opens the source of a bisect's artifacts.
 *
 * @param args The options, from {@linkcode argsOf}.
 * @param world The environment.
 * @returns The source. Dispose of it.
 * @throws {RunOutputsError} If the storage or the cache can't be opened.
 */
export async function openBisectSource(
  args: readonly string[],
  { io, output, signal }: SessionWorld,
): Promise<OpenSource> {
  const options = readBisectArgs(args);
  const { bisectArtifacts } = await import("../../../operations/bisect/artifact_source.ts");
  const storage = await openForReading(options, withoutStagingDir(io), output);
  try {
    const github = await openGithubClient({ cacheDir: options.cacheDir, signal }, io, output);
    const source = bisectArtifacts({
      ...options,
      ...await selectionOf(options, options.include ?? [], { io, output }),
      requireArtifacts: await searchPatterns("--require-artifact", options.requireArtifact ?? []),
      github,
      backend: storage.backend,
      show: storage.show,
      repository: options.repo,
      platform: options.platform!,
      mode: options.flatten ? "flatten" : options.bootstrap ? "bootstrap" : "extract",
      limits: unpackLimits(options),
      cache: await openCache(options, io, output),
      onNote: (text) => output.warn(text),
      onSearch: (sha, search) => explainSearch(sha, search, output),
      onWait: (name) => output.note(`another process is downloading ${name}: waiting for it`),
      during: async (plan, fetch) => {
        plan.notes.forEach((text) => output.note(text));
        plan.warnings.forEach((text) => output.warn(text));
        // Archives are downloaded to other directories than planned.
        const progress = { verb: "fetched", files: plan.items, keyOf: basename, io };
        const report = await withProgress({ ...progress, quiet: output.quiet }, fetch);
        for (const { warnings } of [...report.results, report]) {
          warnings.forEach((text) => output.warn(text));
        }
        return report;
      },
    });
    return { source, github, [Symbol.dispose]: () => storage[Symbol.dispose]() };
  } catch (error) {
    storage[Symbol.dispose]();
    throw error;
  }
}

/**
 * Opens the state directory of a bisect and the source of its artifacts.
 *
 * @param stateDir The directory.
 * @param world The environment.
 * @param use Works with them.
 * @returns What `use` returns.
 * @throws {RunOutputsError} `not_found`, if there is no bisect; what `use` throws.
 */
export async function withBisectParts<T>(
  stateDir: string,
  world: SessionWorld,
  use: (parts: BisectParts, state: BisectState) => Promise<T>,
): Promise<T> {
  return await withBisectStore(stateDir, world, async (store) => {
    const { noBisect } = await import("../../../operations/bisect/store.ts");
    const state = await store.read();
    if (state === undefined) throw noBisect(stateDir);
    using opened = await openBisectSource(argsOf(state), world);
    return await use(partsOf(store, opened.source, world.output), state);
  });
}

/**
 * Opens the state directory of a bisect.
 *
 * @param stateDir The directory.
 * @param world The environment.
 * @param use Works with it.
 * @param create Whether to create the directory if it does not exist.
 * @returns What `use` returns.
 */
export async function withBisectStore<T>(
  stateDir: string,
  { signal }: Pick<SessionWorld, "signal">,
  use: (store: BisectStore) => Promise<T>,
  create = false,
): Promise<T> {
  const { openBisectStore } = await import("../../../operations/bisect/store.ts");
  using store = await openBisectStore(stateDir, { create, signal });
  return await use(store);
}

/**
 * Combines what a bisect works with.
 *
 * @param store Its state.
 * @param source The source of its artifacts.
 * @param output Receives notes about commits without artifacts.
 * @returns The parts.
 */
export function partsOf(store: BisectStore, source: BisectSource, output: Output): BisectParts {
  return {
    store,
    source,
    onLacking: ({ sha, title }, reason) =>
      output.note(`${sha.slice(0, 10)} can't be tested: ${reason} (${title})`),
  };
}

/** Hides `$THEROCK_LOCAL_STAGING_DIR`: the bisect keeps the one of `bisect start`. */
function withoutStagingDir(io: Io): Io {
  return withEnv(
    io,
    (name) => name === "THEROCK_LOCAL_STAGING_DIR" ? undefined : io.env(name),
  );
}
