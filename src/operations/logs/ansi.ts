/**
 * What a terminal would show of a line of a log: texts with colours, without escape sequences.
 *
 * It imports nothing and uses nothing but the language, so that a page's script can have it too.
 *
 * @module
 */

/** How a text looks. */
export interface LogStyle {
  /** The colour of the text: 0 to 15 the terminal's own, 16 to 255 see {@linkcode paletteColor}. */
  readonly foreground?: number;
  /** The colour behind it. */
  readonly background?: number;
  /** Whether it is bold. */
  readonly bold?: boolean;
  /** Whether it is faint. */
  readonly dim?: boolean;
  /** Whether it is italic. */
  readonly italic?: boolean;
  /** Whether it is underlined. */
  readonly underline?: boolean;
  /** Whether it is struck through. */
  readonly strike?: boolean;
  /** Whether its colours are exchanged. */
  readonly inverse?: boolean;
}

/** A part of a line with one look. */
export interface LogSegment {
  /** The text. It has no control characters but tabs. */
  readonly text: string;
  /** Names of classes: `ansi-bold ansi-fg-1 ansi-bg-16`; empty for plain text. */
  readonly classes: string;
}

/** What a line is for GitHub Actions: `##[group]` begins a group that can be folded. */
export type LogMarker =
  | "group"
  | "endgroup"
  | "error"
  | "warning"
  | "notice"
  | "debug"
  | "command"
  | "section";

/** A line as a terminal shows it. */
export interface LogLine {
  /** Its parts. */
  readonly segments: readonly LogSegment[];
  /** The time that GitHub Actions has put before it, in ISO 8601. It is not among the segments. */
  readonly timestamp?: string;
  /** What it is for GitHub Actions. The marker itself is not among the segments. */
  readonly marker?: LogMarker;
  /** The look at its end, with which a terminal would begin the next line. */
  readonly style: LogStyle;
}

/** The look of plain text. */
export const PLAIN: LogStyle = Object.freeze({});

// The kinds of a sequence exclude each other, and none goes beyond the next ESC: the time is linear.
const ESCAPE =
  // deno-lint-ignore no-control-regex -- that is what it is about
  /\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-~])?/g;

const TOKEN = new RegExp(`${ESCAPE.source}|[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]`, "g");

/** A timestamp of GitHub Actions, before each line of its logs. */
const TIMESTAMP = /^\ufeff?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z) ?/;

/** A marker of GitHub Actions, and of scripts that write to its logs. */
const MARKER =
  /^(?:##\[(group|endgroup|error|warning|notice|debug|command|section)\]|\[(command)\])/;

/** A workflow command that nobody has executed. */
const WORKFLOW_COMMAND = /^::(group|endgroup|error|warning|notice|debug)(?=::| )/;

/**
 * Deletes escape sequences.
 *
 * @param text A text; lines are treated alone.
 * @returns The text without them, and with all else.
 */
export function stripEscapes(text: string): string {
  return text.includes("\x1b") ? text.replace(ESCAPE, "") : text;
}

/**
 * Parses a line. It accepts any text, in linear time.
 *
 * Of progress that overwrites itself with carriage returns, the last state remains. Hyperlinks leave
 * their text.
 *
 * @param text The line, without its end.
 * @param style The look at its start.
 * @returns What a terminal shows of it.
 */
export function parseLogLine(text: string, style: LogStyle = PLAIN): LogLine {
  const [before = "", timestamp] = TIMESTAMP.exec(text) ?? [];
  const { segments, style: end } = shown(text.slice(before.length), style);
  const visible = segments.map((segment) => segment.text).join("");
  const { marker, length } = markerOf(visible);
  return { segments: without(segments, length), timestamp, marker, style: end };
}

/** The visible text with its looks. */
function shown(text: string, first: LogStyle): { segments: LogSegment[]; style: LogStyle } {
  let segments: LogSegment[] = [];
  let style = first;
  let classes = classesOf(style);
  let isReturned = false;
  const show = (part: string) => {
    if (part === "") return;
    if (isReturned) segments = [];
    isReturned = false;
    const last = segments.at(-1);
    if (last?.classes === classes) {
      segments[segments.length - 1] = { text: last.text + part, classes };
    } else segments.push({ text: part, classes });
  };
  let at = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    show(text.slice(at, index));
    at = index + token.length;
    // A cursor at the first column is a carriage return too.
    if (["\r", "\x1b[G", "\x1b[0G", "\x1b[1G"].includes(token)) isReturned = true;
    else if (token.startsWith("\x1b[") && token.endsWith("m")) {
      style = applied(style, token.slice(2, -1));
      classes = classesOf(style);
    }
  }
  show(text.slice(at));
  return { segments, style };
}

function markerOf(visible: string): { marker?: LogMarker; length: number } {
  const [whole, name, command] = MARKER.exec(visible) ?? [];
  if (whole !== undefined) return { marker: (name ?? command) as LogMarker, length: whole.length };
  const [, workflowCommand] = WORKFLOW_COMMAND.exec(visible) ?? [];
  const end = visible.indexOf("::", 2);
  return workflowCommand === undefined || end < 0
    ? { length: 0 }
    : { marker: workflowCommand as LogMarker, length: end + 2 };
}

/** Drops the first characters. */
function without(segments: readonly LogSegment[], length: number): readonly LogSegment[] {
  let left = length;
  let from = 0;
  while (from < segments.length && segments[from].text.length <= left) {
    left -= segments[from++].text.length;
  }
  if (left === 0) return segments.slice(from);
  const { text, classes } = segments[from];
  return [{ text: text.slice(left), classes }, ...segments.slice(from + 1)];
}

const FLAGS = ["bold", "dim", "italic", "underline", "strike", "inverse"] as const;

function classesOf(style: LogStyle): string {
  const names: string[] = FLAGS.filter((flag) => style[flag]);
  if (style.foreground !== undefined) names.push(`fg-${style.foreground}`);
  if (style.background !== undefined) names.push(`bg-${style.background}`);
  return names.map((name) => `ansi-${name}`).join(" ");
}

/** The codes that turn flags on and off. */
const SWITCHES: Readonly<Record<number, LogStyle>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  21: { underline: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  29: { strike: false },
  39: { foreground: undefined },
  49: { background: undefined },
};

/** Applies a sequence that selects a look: ECMA-48's SGR, with colours as xterm has them. */
function applied(before: LogStyle, parameters: string): LogStyle {
  // Those of a terminal's own sequences begin with another character.
  if (/[^\d;:]/.test(parameters)) return before;
  let style = before;
  const codes = parameters.split(";");
  for (let i = 0; i < codes.length; i++) {
    const [code, ...details] = codes[i].split(":").map(Number);
    if (code === 0) style = PLAIN;
    else if (code === 4 && details[0] === 0) style = { ...style, underline: false };
    else if (Object.hasOwn(SWITCHES, code)) style = { ...style, ...SWITCHES[code] };
    else if (code === 38 || code === 48) {
      const isOne = details.length > 0;
      const values = isOne ? details : codes.slice(i + 1, i + 5).map(Number);
      const kind = values[0];
      if (!isOne) i += kind === 5 ? 2 : kind === 2 ? 4 : 0;
      // With colons, a colour space can come before the three colours.
      const rgb = isOne && values.length > 4 ? values.slice(2) : values.slice(1);
      const color = kind === 5 ? indexed(values[1]) : kind === 2 ? nearest(rgb) : undefined;
      if (color === undefined) continue;
      style = { ...style, [code === 38 ? "foreground" : "background"]: color };
    } else {
      const color = code % 10 + (code >= 90 ? 8 : 0);
      const base = code - code % 10;
      if (color % 8 !== code % 10 || ![30, 40, 90, 100].includes(base)) continue;
      style = { ...style, [base === 30 || base === 90 ? "foreground" : "background"]: color };
    }
  }
  return style;
}

function indexed(color: number | undefined): number | undefined {
  return color !== undefined && color <= 255 ? color : undefined;
}

/** The levels of red, green and blue in the palette's cube. */
const LEVELS = [0, 95, 135, 175, 215, 255];

/** The colour of the palette that is most like one of 24 bits. */
function nearest(rgb: readonly number[]): number | undefined {
  if (rgb.length < 3 || rgb.slice(0, 3).some((value) => !(value <= 255))) return undefined;
  const [red, green, blue] = rgb;
  const steps = [red, green, blue].map((value) =>
    LEVELS.reduce(
      (best, level, i) => Math.abs(level - value) < Math.abs(LEVELS[best] - value) ? i : best,
      0,
    )
  );
  const gray = Math.min(23, Math.max(0, Math.round(((red + green + blue) / 3 - 8) / 10)));
  const distance = (...color: number[]) =>
    color.reduce((sum, value, i) => sum + (value - rgb[i]) ** 2, 0);
  const level = 8 + 10 * gray;
  const inCube = distance(...steps.map((step) => LEVELS[step]));
  return distance(level, level, level) < inCube
    ? 232 + gray
    : 16 + 36 * steps[0] + 6 * steps[1] + steps[2];
}

/**
 * A colour of the palette that does not depend on the terminal.
 *
 * @param color Its number, 16 to 255.
 * @returns `#rrggbb`
 */
export function paletteColor(color: number): string {
  const cube = color - 16;
  const levels = color >= 232
    ? new Array(3).fill(8 + 10 * (color - 232))
    : [cube / 36, cube / 6 % 6, cube % 6].map((step) => LEVELS[Math.floor(step)]);
  return `#${levels.map((level: number) => level.toString(16).padStart(2, "0")).join("")}`;
}
