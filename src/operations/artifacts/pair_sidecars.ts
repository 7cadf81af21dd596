/**
 * Pairs the files of a run with their checksum files.
 *
 * @module
 */

import type { JoinedOutput } from "../manifest/list_outputs.ts";
import { SIDECAR_SUFFIX } from "./sidecar.ts";

/** A file and its checksum file, one of which can be missing. */
export interface FileAndSidecar {
  /** The file. */
  readonly file?: JoinedOutput;
  /** Its `.sha256sum` file. */
  readonly sidecar?: JoinedOutput;
}

/**
 * Pairs files with their checksum files.
 *
 * In key order, only names that begin with the file's name come between a file and its checksum
 * file. So a file waits only while such names come, and only few files wait, however many there
 * are.
 *
 * @param outputs The outputs of a run, in the order of keys.
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
    // The checksum files of files that came after this one sort before its own.
    for (const file of waiting.splice(at + 1)) yield { file };
    yield { file: waiting.pop(), sidecar: output };
  }
  for (const file of waiting) yield { file };
}

/**
 * The file that a checksum file belongs to.
 *
 * @param path A path.
 * @returns The file's path; `undefined`, if the path is not that of a checksum file.
 */
export function sidecarBase(path: string): string | undefined {
  if (!path.endsWith(SIDECAR_SUFFIX)) return undefined;
  const base = path.slice(0, -SIDECAR_SUFFIX.length);
  return base === "" || base.endsWith("/") || base.endsWith(SIDECAR_SUFFIX) ? undefined : base;
}
