/**
 * The files that an earlier attempt of a run has left, in the part of a later one that has no such
 * files: its member `left`. So they can be told from files that nobody knows.
 *
 * @module
 */

import { z } from "zod";
import type { ManifestHead } from "./manifest.ts";

/** A file that an earlier attempt of the run has left. */
export interface LeftFile {
  /** Its path relative to the run's prefix. */
  readonly path: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Its SHA-256, 64 hex digits in lower case. */
  readonly sha256: string;
  /** Which attempt has uploaded it, if that is known. */
  readonly run_attempt?: number;
}

const LEFT_FILES = z.array(z.object({
  path: z.string(),
  size: z.number(),
  sha256: z.string(),
  run_attempt: z.number().optional(),
}));

/**
 * The files that earlier attempts have left, by a part.
 *
 * @param head All of the part but its files.
 * @returns The files; none, if the part has no such list, or none that can be read.
 */
export function leftOf(head: ManifestHead): readonly LeftFile[] {
  return LEFT_FILES.safeParse(head.left).data ?? [];
}
