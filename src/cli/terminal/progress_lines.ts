/**
 * Formats progress as text: bars for a terminal, one line for a log. Pure.
 *
 * @module
 */

import { escapeUnprintable } from "../../errors/error.ts";
import { formatBytes } from "./output.ts";
import type { ActiveFile, TransferSnapshot } from "./transfer_state.ts";

/** The maximum number of files shown. */
const MOST_FILES = 8;

/** The columns that the numbers of the total line need. */
const NUMBERS = 76;

/**
 * The lines for a terminal: the total, then the files in progress.
 *
 * @param snapshot The progress.
 * @param width The width of the terminal in columns.
 * @returns The lines; none is wider.
 */
export function barLines(snapshot: TransferSnapshot, width: number): string[] {
  const { active } = snapshot;
  const shown = active.slice(0, MOST_FILES);
  const more = active.length - shown.length;
  return [
    setLine(snapshot, width),
    ...shown.map(fileLine),
    ...(more > 0 ? [`and ${more} more`] : []),
  ].map((line) => cut(line, width));
}

/**
 * The line for a log.
 *
 * @param verb What is done to the files, such as `uploaded`.
 * @param snapshot The progress.
 * @returns One line.
 */
export function plainLine(verb: string, snapshot: TransferSnapshot): string {
  const { files, totalFiles } = snapshot;
  return [`${verb} ${files} of ${totalFiles} files`, ...details(snapshot)].join(", ");
}

function setLine(snapshot: TransferSnapshot, width: number): string {
  const { files, totalFiles, bytes, totalBytes, sizesKnown } = snapshot;
  // While sizes are unknown, use the number of files.
  const done = sizesKnown ? share(bytes, totalBytes) : share(files, totalFiles);
  return [
    `${bar(done, Math.min(24, Math.max(8, width - NUMBERS)))} ${percent(done)}`,
    `${files} of ${totalFiles} files`,
    ...details(snapshot),
  ].join("  ");
}

function details(snapshot: TransferSnapshot): string[] {
  const { files, totalFiles, bytes, totalBytes, sizesKnown } = snapshot;
  const { speed, secondsLeft, made, unpacked } = snapshot;
  const done = sizesKnown
    ? `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`
    : formatBytes(bytes);
  const isAll = files === totalFiles;
  // All downloads are finished, so the speed is meaningless.
  if (isAll && unpacked > 0) return [done, `unpacking: ${formatBytes(unpacked)} so far`];
  return [
    done,
    `${formatBytes(Math.round(speed))}/s`,
    ...(secondsLeft === undefined || isAll ? [] : [`${formatDuration(secondsLeft)} left`]),
    ...(made === 0 ? [] : [`packed ${formatBytes(made)}`]),
    ...(unpacked === 0 ? [] : [`unpacked ${formatBytes(unpacked)}`]),
  ];
}

function fileLine({ path, size, bytes, made, madeFrom }: ActiveFile): string {
  const name = escapeUnprintable(
    path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1),
  );
  if (size === undefined && bytes === 0 && madeFrom !== undefined) {
    return barLine(name, made, madeFrom, "packed ");
  }
  if (size === undefined) {
    return `${" ".repeat(12)}      ${name}  ${bytes === 0 ? "packing" : formatBytes(bytes)}`;
  }
  return barLine(name, bytes, size);
}

function barLine(name: string, bytes: number, of: number, verb = ""): string {
  const done = share(bytes, of);
  const numbers = `${formatBytes(bytes)} of ${formatBytes(of)}`;
  return `${bar(done, 12)} ${percent(done)} ${name}  ${verb}${numbers}`;
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.min(1, Math.max(0, part / whole));
}

function bar(done: number, size: number): string {
  const full = Math.floor(done * size);
  return "█".repeat(full) + "░".repeat(size - full);
}

function percent(done: number): string {
  return `${Math.floor(done * 100)}`.padStart(3) + "%";
}

/** `12 s`, `3:04`, `1:02:03` */
function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (number: number) => `${number}`.padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

function cut(line: string, width: number): string {
  const characters = [...line];
  return characters.length <= width ? line : `${characters.slice(0, width - 1).join("")}…`;
}
