/**
 * The limits of the line to a server, which all transfers of a backend and of its wrappers share.
 *
 * @module
 */

import type { AdaptiveLimit } from "./adaptive_limit.ts";

/** The limits of one line. They find their number by the speed of the line. */
export interface LineLimits {
  /** Limits the bodies that are read. */
  readonly down: AdaptiveLimit;
  /** Limits the bodies that are sent. */
  readonly up: AdaptiveLimit;
}

const lines = new WeakMap<object, LineLimits>();

/**
 * Notes the line of a backend.
 *
 * @param backend The backend, or its wrapper.
 * @param limits The limits; `undefined`, if it has no line, as a disk.
 */
export function setLine(backend: object, limits: LineLimits | undefined): void {
  if (limits !== undefined) lines.set(backend, limits);
}

/**
 * The line of a backend.
 *
 * @param backend The backend, or its wrapper.
 * @returns Its limits; `undefined`, if it has no line.
 */
export function lineOf(backend: object): LineLimits | undefined {
  return lines.get(backend);
}
