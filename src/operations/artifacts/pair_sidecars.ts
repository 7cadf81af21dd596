/**
 * The files of a run, each together with the checksum beside it.
 *
 * @module
 */

import type { JoinedOutput } from "../manifest/list_outputs.ts";
import { SIDECAR_SUFFIX } from "./sidecar.ts";

/** A file and the checksum beside it; one of the two can be missing. */
export interface FileAndSidecar {
  /** The file. */
  readonly file?: JoinedOutput;
  /** The `.sha256sum` beside it. */
  readonly sidecar?: JoinedOutput;
}

/**
 * Brings files and their checksums together.
 *
 * Between a file and its checksum stand only names that begin with the file's. So a file waits no
 * longer than such names come, and those that wait all begin with each other: they are few, however
 * many files there are.
 *
 * @param outputs The paths of a run, in the order of keys.
 * @returns The pairs, nearly in that order.
 */
export async function* pairSidecars(
  outputs: AsyncIterable<JoinedOutput>,
): AsyncGenerator<FileAndSidecar> {
  const waiting: JoinedOutput[] = [];
  for await (const output of outputs) {
    const { path } = output;
    while (waiting.length > 0 && !path.startsWith(waiting[waiting.length - 1].path)) {
      yield { file: waiting.pop() };
    }
    const base = sidecarBase(path);
    if (base === undefined) {
      waiting.push(output);
      continue;
    }
    const at = waiting.findLastIndex((file) => file.path === base);
    if (at < 0) {
      yield { sidecar: output };
      continue;
    }
    // The checksums of those that came after the file stand before the file's own.
    for (const file of waiting.splice(at + 1)) yield { file };
    yield { file: waiting.pop(), sidecar: output };
  }
  for (const file of waiting) yield { file };
}

/**
 * The file that a checksum is of.
 *
 * @param path A path.
 * @returns The file's path; nothing, if the path is not that of a checksum.
 */
export function sidecarBase(path: string): string | undefined {
  if (!path.endsWith(SIDECAR_SUFFIX)) return undefined;
  const base = path.slice(0, -SIDECAR_SUFFIX.length);
  return base === "" || base.endsWith("/") || base.endsWith(SIDECAR_SUFFIX) ? undefined : base;
}
