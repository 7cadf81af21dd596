/**
 * What can follow on a command line.
 *
 * @module
 */

/** A word that can be typed. */
export interface Candidate {
  /** The whole word. */
  readonly value: string;
  /** What it is, in a few words. */
  readonly description?: string;
}

/** Words, or what the shell itself completes. */
export type Completion = readonly Candidate[] | "files" | "dirs";
