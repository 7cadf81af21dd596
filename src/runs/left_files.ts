/**
 * Files left by an earlier attempt of a run: the member `left` in the part of a later attempt that
 * has no such files. It distinguishes them from unknown files.
 *
 * @module
 */

import { z } from "zod";
import type { ManifestHead } from "./manifest.ts";

/** A file left by an earlier attempt of the run. */
export interface LeftFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Its SHA-256, 64 hex digits in lower case. */
  readonly sha256: string;
  /** The attempt that uploaded it, if known. */
  readonly run_attempt?: number;
}

const LEFT_FILES = z.array(z.object({
  path: z.string(),
  size: z.number(),
  sha256: z.string(),
  run_attempt: z.number().optional(),
}));

/**
 * The files that a part lists as left by earlier attempts.
 *
 * @param head All members of the part but its files.
 * @returns The files; empty, if the part has no such list, or an invalid one.
 */
export function leftOf(head: ManifestHead): readonly LeftFile[] {
  return LEFT_FILES.safeParse(head.left).data ?? [];
}
