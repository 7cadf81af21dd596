/**
 * Distinguishes other writers, which are faster now and then, from a storage that rejects every
 * conditional write.
 *
 * @module
 */

import { RunOutputsError } from "../errors/error.ts";

/** How often a write may be rejected while the object does not change. */
const MAX_REJECTIONS = 5;

/** The rejected writes of one object. */
export class Contention {
  #version: string | undefined;
  #count = 0;

  /**
   * Reports a rejected write.
   *
   * @param version The etag that the write was conditional on, or another text that changes if another
   * writer is faster; `undefined`, if no object may exist.
   * @returns Whether it was rejected so often without a change that a retry cannot help.
   */
  rejected(version: string | undefined): boolean {
    this.#count = version === this.#version ? this.#count + 1 : 1;
    this.#version = version;
    return this.#count >= MAX_REJECTIONS;
  }

  /**
   * The error for a write that was rejected too often.
   *
   * @param error The last rejection.
   * @returns An error that also describes how the storage behaved.
   */
  describe(error: Error): RunOutputsError {
    const but = this.#version === undefined
      ? "no object exists"
      : `the object still has the requested ETag ${this.#version}`;
    return new RunOutputsError(
      "conflict",
      `${error.message} (rejected ${this.#count} times, but ${but})`,
      { cause: error },
    );
  }
}
