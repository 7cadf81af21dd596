/**
 * What an argument looks like that is a run.
 *
 * @module
 */

/** A run's id or key; no name of an artifact looks like it. */
export const RUN_WORD: RegExp = /^(?:[^/~]+~)?\d+(?:-(?:linux|windows))?$/i;

/** A run that was built on this machine and has no id. */
export const LOCAL_RUN: RegExp = /^local(?:-(?:linux|windows))?$/i;
