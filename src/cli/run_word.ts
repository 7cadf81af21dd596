/**
 * What an argument looks like that is a run.
 *
 * @module
 */

/** A run's id or key; no name of an artifact looks like it. */
export const RUN_WORD: RegExp = /^(?:[^/~]+~)?\d+(?:-(?:linux|windows))?$/i;
