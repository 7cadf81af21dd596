/**
 * The results of a benchmark as rows: printed as text, and with `--json FILE` written for
 * `deno task bench`, which makes docs/performance.md of them.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };

/** The tool that the others are compared with. */
export const OURS = "run-outputs";

/** One measurement. */
export interface Row {
  /** What was done, as in `200 × 1 MiB, down`. */
  readonly case: string;
  /** Which program did it: {@linkcode OURS} or another, or ours with a setting. */
  readonly tool: string;
  readonly version?: string;
  /** Missing if the tool was left out: `note` says why. */
  readonly value?: number;
  readonly unit: string;
  readonly better: "lower" | "higher";
  /** The peak memory of the largest process, in MiB. */
  readonly memory?: number;
  readonly note?: string;
  /** What was transferred, for the plot. The unit is seconds then. */
  readonly transfer?: Transfer;
}

/** Files of one size that were uploaded or downloaded. */
export interface Transfer {
  readonly way: "up" | "down";
  readonly files: number;
  /** Bytes of each file. */
  readonly size: number;
}

/** Prints rows and writes them to the file that `--json FILE` names. */
export class Report {
  /** The command line without `--json FILE`. */
  readonly args: readonly string[];
  readonly #file?: string;
  readonly #rows: Row[] = [];
  readonly #widths = { case: 0, tool: 0 };

  constructor(args: readonly string[] = Deno.args) {
    const at = args.indexOf("--json");
    this.args = at === -1 ? args : args.toSpliced(at, 2);
    this.#file = at === -1 ? undefined : args[at + 1];
  }

  /** Adds and prints rows. After a failure, the file has all rows that were added before. */
  add(...rows: readonly Row[]): void {
    this.#rows.push(...rows);
    for (const name of ["case", "tool"] as const) {
      this.#widths[name] = Math.max(this.#widths[name], ...rows.map((row) => row[name].length));
    }
    for (const row of rows) console.log(textOf(row, rows, this.#widths));
    if (this.#file !== undefined) Deno.writeTextFileSync(this.#file, JSON.stringify(this.#rows));
  }
}

/**
 * The ratio of a tool to ours in the same case.
 *
 * @returns Above 1 if ours is better; `undefined` for our own row, or if one of both has no value.
 */
export function ratioOf(row: Row, rows: readonly Row[]): number | undefined {
  const ours = rows.find((other) =>
    other.case === row.case && other.tool === OURS && other.unit === row.unit
  )?.value;
  if (row.tool === OURS || row.value === undefined || ours === undefined) return undefined;
  const ratio = row.better === "lower" ? row.value / ours : ours / row.value;
  return Number.isFinite(ratio) ? ratio : undefined;
}

/** A number with two or three significant digits, or all of the digits before the point. */
export function amount(value: number): string {
  const digits = value >= 100 || Number.isInteger(value)
    ? 0
    : value >= 10
    ? 1
    : value >= 0.1
    ? 2
    : 3;
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** `value` with its unit, or "left out". */
export function resultOf({ value, unit }: Row): string {
  return value === undefined ? "left out" : `${amount(value)} ${unit}`;
}

function textOf(
  row: Row,
  rows: readonly Row[],
  widths: Readonly<Record<"case" | "tool", number>>,
): string {
  const ratio = ratioOf(row, rows);
  return [
    row.case.padEnd(widths.case),
    row.tool.padEnd(widths.tool),
    resultOf(row).padStart(14),
    (row.memory === undefined ? "" : `${amount(Math.round(row.memory))} MiB`).padStart(9),
    (ratio === undefined ? "" : `${ratio.toFixed(2)} × ours`).padStart(13),
    row.note ?? "",
  ].join("  ").trimEnd();
}

/**
 * The reason why a tool was left out, for a note.
 *
 * @param error What was thrown, or what the tool has printed.
 * @returns Its last line, in plain words for a Python module that is not installed.
 */
export function leftOutBecause(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = `${text.trim().split("\n").at(-1)}`;
  const module = /ModuleNotFoundError: No module named '([^']+)'/.exec(line)?.[1];
  return module === undefined ? line : `the Python module ${module} is not installed`;
}

/** The version of this project. */
export const VERSION = config.version;

/**
 * The version that a program prints.
 *
 * @param command The command that prints it. A command that fails has no version.
 * @returns The first number with a point in the output, as in `2.31.3`.
 */
export async function versionOf(...command: readonly string[]): Promise<string | undefined> {
  const [program, ...args] = command;
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" })
      .output();
    if (!success) return undefined;
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    return /\d+(?:\.\d+)+/.exec(text)?.[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The versions of several programs, as in `1.34, xz 5.4.1`; the first one's is without its name. */
export async function versionsOf(...programs: readonly string[]): Promise<string | undefined> {
  const found = await Promise.all(programs.map((program) => versionOf(program, "--version")));
  if (found[0] === undefined) return undefined;
  return found.map((version, i) => i === 0 ? version : `${programs[i]} ${version ?? "?"}`)
    .join(", ");
}
