/**
 * The output of a command: results on standard output, as text or as one JSON document; everything
 * else on standard error.
 *
 * @module
 */

import { workflowCommand } from "../../github/workflow_command.ts";
import { escapeUnprintable } from "../../errors/error.ts";
import type { Io, MessageIo } from "./io.ts";
import { jsonText } from "./json_text.ts";

export { formatBytes, plural } from "../../layout/words.ts";

/** The values of the output options, which all commands have. */
export interface OutputOptions {
  /** One JSON document instead of text. */
  readonly json?: boolean;
  /** No progress and no notes. */
  readonly quiet?: boolean;
  /** Explanations of decisions. */
  readonly verbose?: boolean;
  /** `always`, `never`, or `auto`: on a terminal, unless `NO_COLOR` is set. */
  readonly color?: string;
}

/**
 * Escapes control characters except our own colours. A line break in a file name would start a new
 * line (on a runner, a workflow command), and escape sequences would control the terminal.
 */
function printable(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.split(/(\u001b\[\d*m)/)
    .map((text, i) => i % 2 === 1 ? text : escapeUnprintable(text)).join("");
}

/** The approximate number of characters per write. */
const PIECE = 256 * 1024;

/** Writes a command's output. */
export class Output {
  /** Whether the result is one JSON document. */
  readonly json: boolean;
  /** Whether notes and progress are turned off. */
  readonly quiet: boolean;
  /** Whether decisions are explained. */
  readonly verbose: boolean;
  readonly #io: MessageIo;
  readonly #color: boolean;
  readonly #onRunner: boolean;

  /**
   * Creates an output.
   *
   * @param io Where to write.
   * @param options How.
   */
  constructor(io: MessageIo, options: OutputOptions = {}) {
    this.#io = io;
    this.json = options.json ?? false;
    this.quiet = options.quiet ?? false;
    this.verbose = options.verbose ?? false;
    this.#onRunner = isOnRunner(io);
    this.#color = options.color === "always" ||
      (options.color !== "never" && io.stdoutIsTerminal && !io.env("NO_COLOR"));
  }

  /**
   * Prints a result as JSON or as text.
   *
   * @param json Returns the document, which has a `schema`.
   * @param text Returns the lines of text.
   */
  result(json: () => { readonly schema: string }, text: () => Iterable<string>): void {
    this.#write(this.json ? jsonText(json()) : this.#lines(text()));
  }

  *#lines(lines: Iterable<string>): Generator<string> {
    for (const line of lines) yield `${this.#printable(line)}\n`;
  }

  /** Writes a text that may exceed the maximum length of a string. */
  #write(pieces: Iterable<string>): void {
    let gathered = "";
    for (const piece of pieces) {
      gathered += piece;
      if (gathered.length < PIECE) continue;
      this.#io.stdout(gathered);
      gathered = "";
    }
    if (gathered !== "") this.#io.stdout(gathered);
  }

  /**
   * Explains a decision, with `--verbose`.
   *
   * @param text One line.
   */
  explain(text: string): void {
    if (this.verbose) this.#io.stderr(`${printable(text)}\n`);
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
   * Reports something that may not be what the user wants.
   *
   * @param text One line.
   */
  warn(text: string): void {
    this.#io.stderr(`${labelled("warning", this.#printable(text), this.#onRunner)}\n`);
  }

  /**
   * Reports a failure.
   *
   * @param text One line.
   */
  error(text: string): void {
    this.#io.stderr(`${labelled("error", this.#printable(text), this.#onRunner)}\n`);
  }

  /**
   * Makes lines collapsible in the log of a runner.
   *
   * @param title The title of the group.
   * @param lines The lines.
   * @returns The lines; on a runner, between its group commands.
   */
  group(title: string, lines: readonly string[]): string[] {
    if (!this.#onRunner) return [...lines];
    return [workflowCommand("group", title), ...lines, workflowCommand("endgroup")];
  }

  /**
   * Colours a text, if colours are on.
   *
   * @param text The text.
   * @param color Its colour.
   * @returns The text, with escape sequences or without.
   */
  paint(text: string, color: "green" | "yellow" | "red" | "dim" | "bold"): string {
    if (!this.#color) return text;
    const code = { green: 32, yellow: 33, red: 31, dim: 2, bold: 1 }[color];
    return `\x1b[${code}m${text}\x1b[0m`;
  }

  #printable(text: string): string {
    return printable(this.#io.complete?.(text) ?? text);
  }
}

/**
 * Whether this runs in a job of GitHub Actions.
 *
 * @param io The environment.
 * @returns `true` on a runner.
 */
export function isOnRunner(io: Io): boolean {
  return io.env("GITHUB_ACTIONS") === "true";
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
 * Labels a message as an error or a warning, as text or as a workflow command.
 *
 * @param kind The kind.
 * @param text The message.
 * @param onRunner Whether to use a workflow command.
 * @returns One line.
 */
export function labelled(kind: "error" | "warning", text: string, onRunner: boolean): string {
  return onRunner ? workflowCommand(kind, text) : `${kind}: ${text}`;
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
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, [...cell].length));
  }
  return rows.map((row) =>
    row.map((cell, i) => {
      const pad = " ".repeat(widths[i] - [...cell].length);
      if (right.includes(i)) return pad + cell;
      return i === row.length - 1 ? cell : cell + pad;
    }).join("  ")
  );
}
