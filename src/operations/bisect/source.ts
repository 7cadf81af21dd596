/**
 * What a bisect asks for: the artifacts of its commits; and what it answers.
 *
 * @module
 */

import type { BisectArtifacts, BisectRun } from "./state.ts";
import type { BisectCommit, BisectSurvey } from "./suspects.ts";

/** Options of all that takes long. */
export interface BisectCallOptions {
  /** Stops it; what is known by then stays known. */
  readonly signal?: AbortSignal;
}

/** Where a bisect gets its artifacts from. */
export interface BisectSource {
  /**
   * Looks for the artifacts of a commit. A bisect asks once for each commit that it needs.
   *
   * @param commit The commit.
   * @param options A signal.
   * @returns Where they are, or why there are none.
   */
  find(commit: BisectCommit, options: BisectCallOptions): Promise<BisectArtifacts>;
  /**
   * Puts the artifacts of a commit into its directory: all of them or none.
   *
   * @param commit The commit.
   * @param runs Their location.
   * @param options A signal.
   * @returns The directory.
   * @throws {RunOutputsError} `not_found` or `integrity`, if they can't be used at all: then the
   * commit counts as one without artifacts.
   */
  fetch(
    commit: BisectCommit,
    runs: readonly BisectRun[],
    options: BisectCallOptions,
  ): Promise<string>;
  /**
   * Brings the artifacts of a commit near, where `fetch` finds them. Default: nothing.
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
   * Whether a directory that `fetch` has made is still there.
   *
   * @param directory The directory.
   * @returns Whether it is.
   */
  has(directory: string): Promise<boolean>;
  /**
   * Removes the directory of a commit, if it has one.
   *
   * @param sha The commit.
   */
  discard(sha: string): Promise<void>;
}

/** A commit that is to be tested. */
export interface BisectTest {
  /** What is to be done. */
  readonly kind: "test";
  /** The commit. */
  readonly commit: BisectCommit;
  /** The directory with its artifacts. */
  readonly directory: string;
  /** Where they are from. */
  readonly runs: readonly BisectRun[];
  /** How far the bisect is. */
  readonly survey: BisectSurvey;
}

/** The end of a bisect. */
export interface BisectEnding {
  /** Whether it is one commit, or several that can't be told apart. */
  readonly kind: "found" | "suspects";
  /** The first bad commit is one of these; each after its parents. */
  readonly suspects: readonly BisectCommit[];
}

/** What comes next. */
export type BisectStep = BisectTest | BisectEnding;
