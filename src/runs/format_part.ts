/**
 * The text of a manifest part: one line per file, so that line-based tools can read it and a reader
 * never needs to hold all of it in memory.
 *
 * @module
 */

import { compareKeys } from "../layout/compare_keys.ts";
import type { ManifestHead, ManifestPart, OutputFile } from "./manifest.ts";

/**
 * The text of a part, in pieces. Unknown members are kept.
 *
 * @param head All members of the part but its files.
 * @param files The files, sorted by the UTF-8 bytes of their paths.
 * @returns Pieces of JSON.
 */
export function* partText(head: ManifestHead, files: Iterable<OutputFile>): Generator<string> {
  yield membersOf(head) + FILES;
  yield* fileLines(files);
}

/** The head of a marker whose pending files need not be in memory. */
export type StreamedHead = ManifestHead & { readonly pending?: Iterable<string> };

/**
 * The same text for files that come as a stream.
 *
 * @param head All members of the part but its files.
 * @param files The files, sorted by the UTF-8 bytes of their paths.
 * @returns Pieces of JSON.
 */
export async function* streamPartText(
  { pending, ...head }: StreamedHead,
  files: Iterable<OutputFile> | AsyncIterable<OutputFile>,
): AsyncGenerator<string> {
  yield membersOf(head as ManifestHead);
  if (pending !== undefined) yield* joined(pendingLines(pending));
  yield FILES;
  if (Symbol.iterator in files) {
    yield* joined(fileLines(files));
    return;
  }
  let count = 0;
  for await (const file of files) yield line(file, count++);
  yield end(count);
}

function* fileLines(files: Iterable<OutputFile>): Generator<string> {
  let count = 0;
  for (const file of files) yield line(file, count++);
  yield end(count);
}

function* pendingLines(paths: Iterable<string>): Generator<string> {
  yield `,\n  "pending": [`;
  let count = 0;
  for (const path of paths) yield `${count++ === 0 ? "" : ","}\n    ${JSON.stringify(path)}`;
  yield count === 0 ? "]" : "\n  ]";
}

/** The approximate length of a piece of a stream: to wait for each line takes longer than to make it. */
const PIECE = 16 * 1024;

/** The same text in fewer pieces. */
function* joined(texts: Iterable<string>): Generator<string> {
  let piece = "";
  for (const text of texts) {
    piece += text;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

const FILES = `,\n  "files": [`;

/** The members of a head, without the end of the object. */
function membersOf(head: ManifestHead): string {
  // A head that was read from a part may still contain its files.
  const { files: _, ...members } = head as ManifestHead & { readonly files?: unknown };
  const text = JSON.stringify(members, null, 2);
  return text.slice(0, text.lastIndexOf("\n"));
}

function line(file: OutputFile, before: number): string {
  return `${before === 0 ? "" : ","}\n    ${JSON.stringify(file)}`;
}

function end(count: number): string {
  return count === 0 ? "]\n}\n" : "\n  ]\n}\n";
}

/**
 * The text of a part.
 *
 * @param part The part; its files are sorted.
 * @returns JSON with one line per file.
 *
 * @example
 * ```ts
 * import { formatPart, parsePart } from "@therock/run-outputs/runs";
 *
 * const part = {
 *   schema: "run-outputs.manifest/1",
 *   layout: "flat",
 *   run: { run_id: "123", platform: "linux" },
 *   part: "build.g",
 *   created_at: "2026-11-20T12:00:00.000Z",
 *   tool: "example",
 *   files: [],
 * } as const;
 * console.assert(parsePart(formatPart(part), "example").part === part.part);
 * ```
 */
export function formatPart(part: ManifestPart): string {
  return [...partText(part, inOrder(part.files))].join("");
}

/**
 * Sorts files as parts list them.
 *
 * @param files The files.
 * @returns The files, sorted.
 */
export function inOrder(files: readonly OutputFile[]): OutputFile[] {
  return files.toSorted((a, b) => compareKeys(a.path, b.path));
}
