/**
 * Searches for the first bad commit, from test to test. After each step its state is in a
 * {@linkcode BisectStore}, so that any later process can continue.
 *
 * @module
 */

import { invalid, RunOutputsError } from "../../errors/error.ts";
import { prefetchNext, type PrefetchOptions } from "./prefetch.ts";
import type {
  BisectCallOptions,
  BisectEnding,
  BisectSource,
  BisectStep,
  BisectTest,
} from "./source.ts";
import {
  BISECT_SCHEMA,
  type BisectArtifacts,
  type BisectEnd,
  bisectFacts,
  type BisectLogEntry,
  type BisectState,
} from "./state.ts";
import { type BisectStore, checkVacant, noBisect } from "./store.ts";
import {
  type BisectCommit,
  type BisectVerdict,
  checkVerdict,
  short,
  surveyBisect,
} from "./suspects.ts";

/** The parts of a {@linkcode Bisect}. */
export interface BisectParts {
  /** The store of its state. The caller must dispose of it. */
  readonly store: BisectStore;
  /** The source of artifacts. */
  readonly source: BisectSource;
  /** The current time. Default: the system's clock. */
  readonly now?: () => Date;
  /** Called for each commit that has no artifacts, with the reason. */
  readonly onLacking?: (commit: BisectCommit, reason: string) => void;
}

/** The parameters of a new bisect. */
export interface StartBisectOptions {
  /** The good commit. */
  readonly good: BisectEnd;
  /** The bad commit. */
  readonly bad: BisectEnd;
  /** The commits that the bad commit contains and the good one does not, including the bad one. */
  readonly commits: readonly BisectCommit[];
  /** JSON that the caller needs to continue. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** The result of a test: a verdict, or one with the exit code of the command. */
export type BisectTestResult =
  | BisectVerdict
  | { readonly verdict: BisectVerdict; readonly exitCode: number };

/** Options of {@linkcode Bisect.run}. */
export interface RunBisectOptions extends BisectCallOptions {
  /** Called with the result of each test. */
  readonly onVerdict?: (step: BisectTest, verdict: BisectVerdict) => void;
}

/**
 * A bisect in progress.
 *
 * @example
 * ```ts
 * import { Bisect, type BisectSource, openBisectStore } from "@therock/run-outputs/operations";
 *
 * const sha = (index: number) => `${index}`.repeat(40);
 * const commits = [1, 2, 3, 4].map((index) => (
 *   { sha: sha(index), parents: [sha(index - 1)], title: `change ${index}`, date: "" }
 * ));
 * const source: BisectSource = {
 *   find: () => Promise.resolve({ status: "no", reason: "there was no run" }),
 *   fetch: () => Promise.reject(new Error("not reached")),
 *   has: () => Promise.resolve(true),
 *   discard: () => Promise.resolve(),
 * };
 * const dir = await Deno.makeTempDir();
 * {
 *   using store = await openBisectStore(dir, { create: true });
 *   const good = { given: "v1", sha: sha(0) };
 *   const bad = { given: "main", sha: sha(4) };
 *   const bisect = await Bisect.start({ store, source }, { good, bad, commits });
 *   const step = await bisect.next();
 *   console.assert(step.kind === "suspects" && step.suspects.length === 4);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export class Bisect {
  readonly #parts: BisectParts;
  #state: BisectState;
  /** The pending writes, in sequence, so that the last one has the latest state. */
  #writing: Promise<void> = Promise.resolve();

  private constructor(parts: BisectParts, state: BisectState) {
    this.#parts = parts;
    this.#state = state;
  }

  /**
   * Starts a bisect, without searching for anything yet.
   *
   * @param parts The parts; the store is empty.
   * @param options The parameters.
   * @returns The bisect.
   * @throws {RunOutputsError} `conflict`, if the store contains a bisect.
   */
  static async start(parts: BisectParts, options: StartBisectOptions): Promise<Bisect> {
    const { store, now = () => new Date() } = parts;
    await checkVacant(store);
    const { good, bad, commits, settings = {} } = options;
    const state: BisectState = {
      schema: BISECT_SCHEMA,
      started_at: now().toISOString(),
      good,
      bad,
      commits,
      artifacts: {},
      log: [],
      current: null,
      fetched: [],
      settings,
    };
    surveyBisect(bisectFacts(state));
    await store.write(state);
    return new Bisect(parts, state);
  }

  /**
   * Continues a bisect.
   *
   * @param parts The parts.
   * @returns The bisect.
   * @throws {RunOutputsError} `not_found`, if there is none in the store; `integrity`, if its
   * content is invalid.
   */
  static async open(parts: BisectParts): Promise<Bisect> {
    const state = await parts.store.read();
    if (state === undefined) throw noBisect(parts.store.name);
    return new Bisect(parts, state);
  }

  /** The complete state. */
  get state(): BisectState {
    return this.#state;
  }

  /**
   * Prepares the next commit to test: the middle one of the suspects with artifacts. Deletes the
   * directories of earlier ones.
   *
   * @param options A signal.
   * @returns The commit and its directory, or the end.
   * @throws {RunOutputsError} What stops it; it can be called again.
   */
  async next(options: BisectCallOptions = {}): Promise<BisectStep> {
    const { source } = this.#parts;
    const { current } = this.#state;
    if (current !== null && await source.has(current.directory)) {
      return this.#test(current.sha, current.directory);
    }
    for (;;) {
      const survey = surveyBisect(bisectFacts(this.#state));
      const { next, suspects } = survey;
      if (next === undefined) {
        await this.#discard([]);
        return { kind: suspects.length === 1 ? "found" : "suspects", suspects };
      }
      const artifacts = await this.#artifactsOf(next, options);
      if (artifacts.status === "no") continue;
      // Before the fetch, so that the directory is known after a kill.
      const fetched = [...new Set([...this.#state.fetched, next.sha])];
      await this.#keep({ current: null, fetched });
      let directory: string;
      try {
        directory = await source.fetch(next, artifacts.runs, options);
      } catch (error) {
        if (!isUseless(error)) throw error;
        await this.#found(next, { status: "no", reason: error.message });
        continue;
      }
      await this.#keep({ current: { sha: next.sha, directory } });
      await this.#discard([next.sha]);
      return this.#test(next.sha, directory);
    }
  }

  /**
   * Records a verdict on the current commit or on others.
   *
   * @param verdict The verdict.
   * @param shas The commits, as full SHAs or their first digits, at least four. Default: the
   * current one.
   * @param exitCode The exit code of the test command.
   * @throws {RunOutputsError} `conflict`, if it contradicts others, or there is no current commit;
   * `invalid`, if a SHA is not part of the bisect. Then no verdict is recorded.
   */
  async mark(
    verdict: BisectVerdict,
    shas: readonly string[] = [],
    exitCode?: number,
  ): Promise<void> {
    const named = shas.length > 0 ? shas.map((sha) => this.#resolve(sha)) : [this.#current()];
    const at = (this.#parts.now ?? (() => new Date()))().toISOString();
    let log: readonly BisectLogEntry[] = this.#state.log;
    for (const sha of named) {
      checkVerdict(bisectFacts({ ...this.#state, log }), sha, verdict);
      log = [...log, {
        at,
        sha,
        verdict,
        ...(exitCode === undefined ? {} : { exit_code: exitCode }),
      }];
    }
    await this.#keep({ log, current: null });
  }

  /**
   * Tests commits until none is left to test. During a test, the artifacts of both commits that can
   * be next are prefetched.
   *
   * @param test Tests a commit. If it throws, the bisect stops there, and can continue later.
   * @param options A signal.
   * @returns The result.
   */
  async run(
    test: (step: BisectTest, options: BisectCallOptions) => Promise<BisectTestResult>,
    options: RunBisectOptions = {},
  ): Promise<BisectEnding> {
    const { signal, onVerdict } = options;
    for (;;) {
      const step = await this.next({ signal });
      if (step.kind !== "test") return step;
      using tested = new Stop();
      const prefetching = this.prefetch({ signal, stop: tested.signal });
      let result: BisectTestResult;
      try {
        result = await test(step, { signal });
      } finally {
        tested.stop();
        await prefetching;
      }
      signal?.throwIfAborted();
      const { verdict, exitCode } = typeof result === "string"
        ? { verdict: result, exitCode: undefined }
        : result;
      await this.mark(verdict, [step.commit.sha], exitCode);
      onVerdict?.(step, verdict);
    }
  }

  /**
   * Prefetches the artifacts of both commits that can be next after the current one. It never
   * fails: what is unavailable now is requested again when it is needed.
   *
   * @param options Signals.
   */
  async prefetch(options: Pick<PrefetchOptions, "signal" | "stop"> = {}): Promise<void> {
    const { source } = this.#parts;
    await prefetchNext(this.#state, source, {
      ...options,
      onFound: (commit, artifacts) => this.#found(commit, artifacts),
    });
  }

  #test(sha: string, directory: string): BisectTest {
    const commit = this.#state.commits.find((commit) => commit.sha === sha)!;
    const artifacts = this.#state.artifacts[sha];
    const runs = artifacts?.status === "yes" ? artifacts.runs : [];
    const survey = surveyBisect(bisectFacts(this.#state));
    return { kind: "test", commit, directory, runs, survey };
  }

  #current(): string {
    const { current } = this.#state;
    if (current !== null) return current.sha;
    const { next, suspects } = surveyBisect(bisectFacts(this.#state));
    throw new RunOutputsError(
      "conflict",
      next !== undefined
        ? "No commit is ready to be tested: 'run-outputs bisect next' fetches one"
        : `The bisect is finished: ${
          suspects.length === 1
            ? `${short(suspects[0].sha)} is the first bad commit`
            : `${suspects.length} commits can't be distinguished`
        }; 'run-outputs bisect reset' ends it`,
    );
  }

  #resolve(text: string): string {
    const expected = "4 to 40 digits of the SHA of a commit in the bisect";
    if (!/^[0-9a-f]{4,40}$/i.test(text)) throw invalid("commit", text, expected);
    const matching = this.#state.commits.filter(({ sha }) => sha.startsWith(text.toLowerCase()));
    if (matching.length === 1) return matching[0].sha;
    throw invalid("commit", text, matching.length === 0 ? expected : "more digits of its SHA");
  }

  /** The known artifacts of a commit, else those that the source finds. */
  async #artifactsOf(commit: BisectCommit, options: BisectCallOptions): Promise<BisectArtifacts> {
    const known = this.#state.artifacts[commit.sha];
    if (known !== undefined) return known;
    const artifacts = await this.#parts.source.find(commit, options);
    await this.#found(commit, artifacts);
    return artifacts;
  }

  async #found(commit: BisectCommit, artifacts: BisectArtifacts): Promise<void> {
    await this.#keep({ artifacts: { ...this.#state.artifacts, [commit.sha]: artifacts } });
    if (artifacts.status === "no") this.#parts.onLacking?.(commit, artifacts.reason);
  }

  /** Deletes all directories except those of some commits. */
  async #discard(kept: readonly string[]): Promise<void> {
    const gone = this.#state.fetched.filter((sha) => !kept.includes(sha));
    if (gone.length === 0) return;
    for (const sha of gone) await this.#parts.source.discard(sha);
    await this.#keep({ fetched: this.#state.fetched.filter((sha) => kept.includes(sha)) });
  }

  async #keep(change: Partial<BisectState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    const write = () => this.#parts.store.write(this.#state);
    this.#writing = this.#writing.then(write, write);
    await this.#writing;
  }
}

/**
 * Ends a bisect at any point: deletes the directories of its commits, then its state.
 *
 * @param store The store.
 * @param source The source, which knows its directories.
 * @throws {RunOutputsError} `not_found`, if there is none; errors of the disk.
 */
export async function resetBisect(
  store: BisectStore,
  source: Pick<BisectSource, "discard">,
): Promise<void> {
  const state = await store.read();
  if (state === undefined) throw noBisect(store.name);
  for (const sha of state.fetched) await source.discard(sha);
  await store.remove();
}

/** Whether the error of a fetch means that the artifacts can never be used. */
function isUseless(error: unknown): error is RunOutputsError {
  return error instanceof RunOutputsError &&
    (error.code === "not_found" || error.code === "integrity");
}

/** A signal that aborts at the end of its block or earlier. */
class Stop implements Disposable {
  readonly #controller = new AbortController();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}
