/**
 * The output of a command: results on standard output, as text or as one JSON document; everything
 * else on standard error.
 *
 * @module
 */

import { workflowCommand, type WorkflowCommandName } from "../../github/workflow_command.ts";
import { escapeUnprintable } from "../../errors/error.ts";
import { alike } from "./alike.ts";
import { type TextStream, usesColor } from "./color.ts";
import { type Io, isOnRunner, type MessageIo } from "./io.ts";
import { jsonStream, jsonText } from "../../layout/json_text.ts";

export { formatBytes, plural } from "../../layout/words.ts";

/** The values of the output options, which all commands have. */
export interface OutputOptions {
  /** One JSON document instead of text. */
  readonly json?: boolean;
  /** Only warnings, errors and the last line. */
  readonly quiet?: boolean;
  /** Explanations of decisions, and each file. */
  readonly verbose?: boolean;
  /** `always`, `never`, or `auto`. See {@linkcode usesColor}. */
  readonly color?: string;
}

/** A command for the runner. */
export interface Command {
  /** Its name. */
  readonly command: WorkflowCommandName;
  /** Its message. */
  readonly message?: string;
}

/** A line of a result. */
export type Line = string | Command;

function isCommand(line: Line): line is Command {
  return typeof line !== "string";
}

/** The maximum number of messages of one kind that are shown one by one. */
const FEW = 3;

/** The approximate number of characters per write. */
const PIECE = 256 * 1024;

/** What a command that changes something says at its end. */
export interface Report {
  /** Returns the lines of the files. */
  readonly files: () => Iterable<Line>;
  /**
   * Whether the files are printed without `--verbose`, as in a dry run; `always`, if with `--quiet`
   * too. Default: no.
   */
  readonly listed?: boolean | "always";
  /** Returns what else is worth knowing, without `--quiet`. */
  readonly more?: () => Iterable<Line>;
  /** Returns the last line, which is always printed. */
  readonly last: () => string;
}

/** Writes a command's output. */
export class Output {
  /** Whether the result is one JSON document. */
  readonly json: boolean;
  /** Whether everything but warnings, errors and the last line is turned off. */
  readonly quiet: boolean;
  /** Whether decisions are explained. */
  readonly verbose: boolean;
  /** The width of the terminal that a result is printed on; `undefined`, if it is not printed on one. */
  readonly width: number | undefined;
  readonly #io: MessageIo;
  readonly #colors: Readonly<Record<TextStream, boolean>>;
  /** Begins a colour inside a text. Nobody can know it, so no name can bring colours along. */
  readonly #mark = crypto.randomUUID();

  /**
   * Creates an output.
   *
   * @param io Where to write.
   * @param options How.
   */
  constructor(io: MessageIo, options: OutputOptions = {}) {
    this.#io = io;
    this.width = io.stdoutIsTerminal ? io.stderrWidth?.() : undefined;
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
    this.verbose = options.verbose ?? false;
    this.#colors = {
      stdout: usesColor(io, "stdout", options.color),
      stderr: usesColor(io, "stderr", options.color),
    };
  }

  /**
   * Prints a result as JSON or as text.
   *
   * @param json Returns the document, which has a `schema`.
   * @param text Returns the lines of text.
   */
  result(json: () => { readonly schema: string }, text: () => Iterable<Line>): void {
    const { write, flush } = this.#writer();
    if (this.json) { for (const piece of jsonText(json())) write(piece); }
    else for (const line of text()) write(this.#lineText(line));
    flush();
  }

  /**
   * Prints what a command has done as JSON or as text.
   *
   * @param json Returns the document, which has a `schema`.
   * @param report Returns the parts of the text.
   */
  report(
    json: () => { readonly schema: string },
    { files, listed = false, more = () => [], last }: Report,
  ): void {
    const isListed = this.verbose || listed === "always" || (listed && !this.quiet);
    this.result(json, () => [
      ...isListed ? files() : [],
      ...this.quiet ? [] : more(),
      last(),
    ]);
  }

  /**
   * Prints a result of any length as JSON or as text, while it comes.
   *
   * @param json Returns the document, which has a `schema`. Its members may be async iterables.
   * @param text Returns the lines of text.
   */
  async stream(
    json: () => { readonly schema: string },
    text: () => AsyncIterable<Line>,
  ): Promise<void> {
    const { write, flush } = this.#writer();
    if (this.json) { for await (const piece of jsonStream(json())) write(piece); }
    else for await (const line of text()) write(this.#lineText(line));
    flush();
  }

  #lineText(line: Line): Line {
    return isCommand(line) ? line : `${this.#printable(line, "stdout")}\n`;
  }

  /** Gathers pieces of a text that may exceed the maximum length of a string. */
  #writer(): { readonly write: (piece: Line) => void; readonly flush: () => void } {
    let gathered = "";
    const flush = () => {
      if (gathered !== "") this.#io.stdout(gathered);
      gathered = "";
    };
    const write = (piece: Line) => {
      if (isCommand(piece)) {
        flush();
        printCommand(this.#io, "stdout", piece);
      } else gathered += piece;
      if (gathered.length >= PIECE) flush();
    };
    return { write, flush };
  }

  /**
   * Explains a decision, with `--verbose`.
   *
   * @param text One line.
   */
  explain(text: string): void {
    if (this.verbose) this.#io.stderr(`${this.#printable(text)}\n`);
  }

  /**
   * Reports something that needs no action.
   *
   * @param text One line.
   */
  note(text: string): void {
    if (!this.quiet) this.#io.stderr(`note: ${this.#printable(text)}\n`);
  }

  /**
   * Reports several things that need no action; of those that are alike, the first with a count.
   *
   * @param texts One line each.
   */
  noteAll(texts: Iterable<string>): void {
    this.#each(texts, (text) => this.note(text));
  }

  /**
   * Reports something that may not be what the user wants, also with `--quiet`: a script that asks
   * for no progress must still learn that a run is incomplete.
   *
   * @param text One line.
   */
  warn(text: string): void {
    printLabelled(this.#io, "warning", this.#printable(text), this.#colors.stderr);
  }

  /**
   * Reports several things like {@linkcode warn}; of those that are alike, the first with a count: a
   * runner shows ten warnings of a step.
   *
   * @param texts One line each.
   */
  warnAll(texts: Iterable<string>): void {
    this.#each(texts, (text) => this.warn(text));
  }

  #each(texts: Iterable<string>, say: (text: string) => void): void {
    for (const same of alike(texts)) {
      if (same.length <= FEW) same.forEach(say);
      else {
        const [first, ...others] = same;
        const hint = this.verbose ? "" : "; --verbose shows them";
        say(`${first} (and ${others.length} more like it${hint})`);
        for (const other of others) this.explain(other);
      }
    }
  }

  /**
   * Reports a failure.
   *
   * @param text One line.
   */
  error(text: string): void {
    printLabelled(this.#io, "error", this.#printable(text), this.#colors.stderr);
  }

  /**
   * Makes lines collapsible in the log of a runner.
   *
   * @param title The title of the group.
   * @param lines The lines.
   * @returns The lines; on a runner, between its group commands.
   */
  group(title: string, lines: readonly string[]): Line[] {
    if (!isOnRunner(this.#io)) return [...lines];
    return [{ command: "group", message: title }, ...lines, { command: "endgroup" }];
  }

  /**
   * Colours a text, if colours are on.
   *
   * @param text The text.
   * @param color Its colour.
   * @returns The text, marked for {@linkcode result} and the messages to colour it.
   */
  paint(text: string, color: "green" | "yellow" | "red" | "dim" | "bold"): string {
    if (!this.#colors.stdout && !this.#colors.stderr) return text;
    const code = { green: 32, yellow: 33, red: 31, dim: 2, bold: 1 }[color];
    return `${this.#mark}${code};${text}${this.#mark}0;`;
  }

  /**
   * Escapes control characters except our own colours. A line break in a file name would start a
   * new line, and an escape sequence would control the terminal.
   */
  #printable(text: string, stream: TextStream = "stderr"): string {
    const line = this.#io.complete?.(text) ?? text;
    const [first, ...colored] = line.split(this.#mark);
    return [
      escapeUnprintable(first),
      ...colored.map((piece) => {
        const end = piece.indexOf(";");
        const shown = escapeUnprintable(piece.slice(end + 1));
        return this.#colors[stream] ? `\x1b[${piece.slice(0, end)}m${shown}` : shown;
      }),
    ].join("");
  }
}

/**
 * Formats an age in the largest unit that fits.
 *
 * @param milliseconds The age; a negative one, from a slow clock, is shown as 0.
 * @returns A whole number and a unit.
 */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/**
 * Prints a message as an error or a warning, as text or as a workflow command.
 *
 * @param io Where to print it, on standard error.
 * @param kind The kind.
 * @param text The message, one line.
 * @param hasColor Whether the kind is coloured.
 */
export function printLabelled(
  io: Io,
  kind: "error" | "warning",
  text: string,
  hasColor: boolean,
): void {
  if (isOnRunner(io)) return printCommand(io, "stderr", { command: kind, message: text });
  const color = kind === "error" ? 31 : 33;
  const label = hasColor ? `\x1b[1;${color}m${kind}:\x1b[0m` : `${kind}:`;
  io.stderr(`${label} ${text}\n`);
}

function printCommand(io: Io, stream: "stdout" | "stderr", { command, message }: Command): void {
  if (io.command !== undefined) io.command(stream, command, message);
  else io[stream](`${workflowCommand(command, message)}\n`);
}

/**
 * Aligns columns.
 *
 * @param rows The cells; the last one of a row is not padded.
 * @param right The indexes of right-aligned columns.
 * @returns One line per row.
 */
export function columns(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const widths = columnWidths(rows);
  return rows.map((row) =>
    row.map((cell, i) => {
      const pad = " ".repeat(widths[i] - [...cell].length);
      if (right.includes(i)) return pad + cell;
      return i === row.length - 1 ? cell : cell + pad;
    }).join("  ")
  );
}

/**
 * The width of each column.
 *
 * @param rows The cells.
 * @returns The length of the longest cell, in characters.
 */
export function columnWidths(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, [...cell].length));
  }
  return widths;
}
