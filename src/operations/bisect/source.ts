/**
 * The interface between a bisect and the source of its artifacts.
 *
 * @module
 */

import type { BisectArtifacts, BisectRun } from "./state.ts";
import type { BisectCommit, BisectSurvey } from "./suspects.ts";

/** Options of all long operations. */
export interface BisectCallOptions {
  /** Aborts; what is known by then is kept. */
  readonly signal?: AbortSignal;
}

/** A source of artifacts for a bisect. */
export interface BisectSource {
  /**
   * Finds the artifacts of a commit. A bisect calls it once for each commit that it needs.
   *
   * @param commit The commit.
   * @param options A signal.
   * @returns Their location, or why there are none.
   */
  find(commit: BisectCommit, options: BisectCallOptions): Promise<BisectArtifacts>;
  /**
   * Puts the artifacts of a commit into its directory: all of them or none.
   *
   * @param commit The commit.
   * @param runs Their location.
   * @param options A signal.
   * @returns The directory.
   * @throws {RunOutputsError} `not_found` or `integrity`, if they can never be used: then the
   * commit counts as one without artifacts.
   */
  fetch(
    commit: BisectCommit,
    runs: readonly BisectRun[],
    options: BisectCallOptions,
  ): Promise<string>;
  /**
   * Prefetches the artifacts of a commit to where `fetch` finds them. Default: does nothing.
   *
   * @param commit The commit.
   * @param runs Their location.
   * @param options A signal.
   */
  prefetch?(
    commit: BisectCommit,
    runs: readonly BisectRun[],
    options: BisectCallOptions,
  ): Promise<void>;
  /**
   * Whether a directory created by `fetch` still exists.
   *
   * @param directory The directory.
   * @returns `true`, if it exists.
   */
  has(directory: string): Promise<boolean>;
  /**
   * Deletes the directory of a commit, if it has one.
   *
   * @param sha The commit.
   */
  discard(sha: string): Promise<void>;
}

/** A commit to test. */
export interface BisectTest {
  /** The next step. */
  readonly kind: "test";
  /** The commit. */
  readonly commit: BisectCommit;
  /** The directory of its artifacts. */
  readonly directory: string;
  /** The runs of its artifacts. */
  readonly runs: readonly BisectRun[];
  /** The progress of the bisect. */
  readonly survey: BisectSurvey;
}

/** The result of a bisect. */
export interface BisectEnding {
  /** Whether it is one commit, or several that cannot be distinguished. */
  readonly kind: "found" | "suspects";
  /** One of these is the first bad commit; each comes after its parents. */
  readonly suspects: readonly BisectCommit[];
}

/** The next step. */
export type BisectStep = BisectTest | BisectEnding;
