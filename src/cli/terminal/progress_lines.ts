/**
 * Formats progress as text: bars for a terminal, one line for a log. Pure.
 *
 * @module
 */

import { escapeUnprintable } from "../../errors/error.ts";
import { formatBytes } from "./output.ts";
import { type ActiveFile, share, type TransferSnapshot } from "./transfer_state.ts";

/** The maximum number of files shown. */
const MOST_FILES = 8;

/** The columns that the numbers of the total usually need. */
const NUMBERS = 76;

/** The width of the bar of a file. */
const FILE_BAR = 12;

/** Shorter names are not shortened further. */
const MIN_NAME = 8;

/** What separates fields. */
const GAP = "  ";

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
    ...totalLines(snapshot, width),
    ...fileLines(shown, width),
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

/** The total: one line, or more if its numbers do not fit. */
function totalLines(snapshot: TransferSnapshot, width: number): string[] {
  const { files, totalFiles, done } = snapshot;
  const size = Math.min(24, Math.max(8, width - NUMBERS));
  const fields = [`${files} of ${totalFiles} files`, ...details(snapshot)];
  const lines = [`${bar(done, size)} ${percent(done)}`];
  const indent = " ".repeat(lines[0].length);
  for (const field of fields) {
    const line = `${lines.at(-1)}${GAP}${field}`;
    if (line.length <= width) lines[lines.length - 1] = line;
    else lines.push(`${indent}${GAP}${field}`);
  }
  return lines;
}

function details(snapshot: TransferSnapshot): string[] {
  const { files, totalFiles, bytes, totalBytes, sizesKnown, active } = snapshot;
  const { speed, secondsLeft, made, totalMade, unpacked } = snapshot;
  const done = sizesKnown
    ? `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`
    : formatBytes(bytes);
  const isAll = files === totalFiles;
  // All downloads are finished, so the speed is meaningless.
  if (isAll && unpacked > 0) return [done, `unpacking: ${formatBytes(unpacked)} so far`];
  // While everything is being packed, nothing is sent.
  const isSending = speed > 0 || active.length === 0 || !active.every(isPacking);
  return [
    ...(totalMade === 0 ? [] : [`packed ${formatBytes(made)} of ${formatBytes(totalMade)}`]),
    totalMade === 0 ? done : `sent ${done}`,
    ...(isSending ? [`${formatBytes(Math.round(speed))}/s`] : []),
    ...(secondsLeft === undefined || isAll ? [] : [`${formatDuration(secondsLeft)} left`]),
    ...(unpacked === 0 ? [] : [`unpacked ${formatBytes(unpacked)}`]),
  ];
}

/** The lines of files: bar, name and numbers, each in its column. */
function fileLines(files: readonly ActiveFile[], width: number): string[] {
  const numbers = files.map(fileNumbers);
  const bars = FILE_BAR + " 100% ".length;
  const room = width - bars - GAP.length - Math.max(0, ...numbers.map(({ text }) => text.length));
  const names = files.map(({ path }) => shorten(nameOf(path), Math.max(room, MIN_NAME)));
  const longest = Math.max(0, ...names.map((name) => [...name].length));
  return numbers.map(({ done, text }, i) => {
    const drawn = done === undefined
      ? " ".repeat(bars)
      : `${bar(done, FILE_BAR)} ${percent(done)} `;
    const pad = " ".repeat(longest - [...names[i]].length);
    return `${drawn}${names[i]}${pad}${GAP}${text}`;
  });
}

/** How far a file is, if that is known, and its numbers. */
function fileNumbers(
  file: ActiveFile,
): { readonly done?: number; readonly text: string } {
  const { size, bytes, made, madeFrom } = file;
  if (isPacking(file)) {
    if (madeFrom === undefined) return { text: "packing" };
    return { done: share(made, madeFrom), text: `packed ${partOf(made, madeFrom)}` };
  }
  if (size === undefined) return { text: formatBytes(bytes) };
  return { done: share(bytes, size), text: partOf(bytes, size) };
}

/** Whether an archive is not ready yet. */
function isPacking({ size, bytes }: ActiveFile): boolean {
  return size === undefined && bytes === 0;
}

function partOf(part: number, whole: number): string {
  return `${formatBytes(part)} of ${formatBytes(whole)}`;
}

function nameOf(path: string): string {
  return escapeUnprintable(
    path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1),
  );
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

/** Leaves out the middle of a name: both ends tell files apart. */
function shorten(name: string, width: number): string {
  const characters = [...name];
  if (characters.length <= width) return name;
  const head = Math.ceil((width - 1) / 2);
  const tail = width - 1 - head;
  return `${characters.slice(0, head).join("")}…${
    characters.slice(characters.length - tail).join("")
  }`;
}

function cut(line: string, width: number): string {
  const characters = [...line];
  return characters.length <= width ? line : `${characters.slice(0, width - 1).join("")}…`;
}
