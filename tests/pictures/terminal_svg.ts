/**
 * Draws a session on a terminal as an animated SVG: lines appear as they were printed, scroll, and
 * the last picture stays for some seconds. It needs no script and no font of its own.
 *
 * @module
 */

/** What is drawn. */
export interface TerminalOptions {
  /** Columns and rows of the terminal. */
  readonly columns: number;
  readonly rows: number;
  /** The title, for those who can't see the picture too. */
  readonly title: string;
}

/** A picture of the terminal, and how long it is shown, in milliseconds. */
interface Frame {
  readonly rows: readonly string[];
  readonly time: number;
}

/** A part of a row in one style. */
interface Piece {
  readonly text: string;
  /** Classes of the style sheet. */
  readonly style: string;
}

const CELL = { width: 8, height: 19 };
const PADDING = 16;
const BAR = 32;
const TIMES = { word: 60, typed: 500, line: 70, command: 1600, last: 8000 };

/** The classes of the codes of SGR that the program uses. */
const STYLES: Readonly<Record<string, string>> = {
  "1": "bold",
  "2": "dim",
  "31": "red",
  "32": "green",
  "33": "yellow",
  "36": "cyan",
};

/**
 * Draws a session.
 *
 * @param session The command lines, and what each printed.
 * @param options The terminal.
 * @returns The SVG.
 */
export function terminalSvg(
  session: readonly { readonly command: string; readonly output: string }[],
  options: TerminalOptions,
): string {
  const frames = framesOf(session, options);
  const total = frames.reduce((sum, { time }) => sum + time, 0);
  const [width, height] = [options.columns * CELL.width, options.rows * CELL.height];
  const [outerWidth, outerHeight] = [width + 2 * PADDING, height + BAR + PADDING];
  const rows = new Map<string, number>();
  for (const row of frames.flatMap((frame) => frame.rows)) {
    if (row !== "" && !rows.has(row)) rows.set(row, rows.size);
  }
  let passed = 0;
  const steps = frames.map(({ time }, at) => {
    const percent = (100 * passed / total).toFixed(3);
    passed += time;
    return `${percent}%{transform:translateX(${-at * width}px)}`;
  });
  const last = -(frames.length - 1) * width;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${outerWidth} ${outerHeight}" ` +
    `width="${outerWidth}" height="${outerHeight}" role="img">
<title>${escape(options.title)}</title>
<style>
text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d6d9de}
.bold{font-weight:700}.dim{fill:#8b949e}.red{fill:#ff7b72}.green{fill:#7ee787}.yellow{fill:#e3b341}
.cyan{fill:#76e3ea}
.film{animation:film ${(total / 1000).toFixed(2)}s step-end infinite}
@keyframes film{${steps.join("")}}
@media(prefers-reduced-motion:reduce){.film{animation:none;transform:translateX(${last}px)}}
</style>
<defs>
${[...rows].map(([row, id]) => `<g id="r${id}">${rowSvg(row)}</g>`).join("\n")}
</defs>
<rect width="${outerWidth}" height="${outerHeight}" rx="8" fill="#14181f"/>
<circle cx="20" cy="16" r="5" fill="#4b535d"/><circle cx="38" cy="16" r="5" fill="#4b535d"/>` +
    `<circle cx="56" cy="16" r="5" fill="#4b535d"/>
<svg x="${PADDING}" y="${BAR}" width="${width}" height="${height}">
<g class="film">
${frames.map((frame, at) => frameSvg(frame, at * width, rows)).join("\n")}
</g>
</svg>
</svg>
`;
}

/** The pictures: each command is typed word by word, and its output appears line by line. */
function framesOf(
  session: readonly { readonly command: string; readonly output: string }[],
  { columns, rows }: TerminalOptions,
): Frame[] {
  const lines: string[] = [];
  const frames: Frame[] = [];
  const show = (more: readonly string[], time: number) =>
    frames.push({ rows: [...lines, ...more].slice(-rows), time });
  const prompt = (typed: string) => wrap(`\x1b[32m$\x1b[0m \x1b[1m${typed}\x1b[0m`, columns);
  for (const [at, { command, output }] of session.entries()) {
    if (at > 0) lines.push("");
    const words = command.split(" ");
    for (let count = 0; count < words.length; count += 2) {
      show(prompt(words.slice(0, count).join(" ")), TIMES.word);
    }
    lines.push(...prompt(command));
    show([], TIMES.typed);
    const printed = output.split("\n").slice(0, -1);
    for (const line of printed) {
      lines.push(...wrap(line, columns));
      show([], TIMES.line);
    }
    show([], at === session.length - 1 ? TIMES.last : TIMES.command);
  }
  return frames;
}

/** Breaks a line with styles at the width of the terminal. */
function wrap(line: string, columns: number): string[] {
  const rows: string[] = [];
  let row = "";
  let used = 0;
  let style = "";
  // deno-lint-ignore no-control-regex -- the codes of a terminal
  for (const [piece] of line.matchAll(/\x1b\[[\d;]*m|[^]/gu)) {
    if (piece.length > 1 && piece.startsWith("\x1b")) {
      style = piece === "\x1b[0m" ? "" : style + piece;
      row += piece;
      continue;
    }
    if (used === columns) {
      rows.push(row);
      [row, used] = [style, 0];
    }
    row += piece;
    used++;
  }
  return [...rows, row];
}

/** The pieces of a row; codes that are not known are an error, so that none is drawn as text. */
function piecesOf(row: string): Piece[] {
  const pieces: Piece[] = [];
  let styles: string[] = [];
  // deno-lint-ignore no-control-regex -- the codes of a terminal
  for (const [, codes, text] of row.matchAll(/\x1b\[([\d;]*)m|([^\x1b]+|\x1b)/g)) {
    if (text === "\x1b") throw new Error(`an unknown control sequence: ${JSON.stringify(row)}`);
    if (text !== undefined) pieces.push({ text, style: styles.join(" ") });
    for (const code of codes?.split(";") ?? []) {
      if (/^(?:0?|39|22)$/.test(code)) styles = [];
      else if (STYLES[code]) styles = [...styles, STYLES[code]];
      else throw new Error(`an unknown style: ${code}`);
    }
  }
  return pieces;
}

/** A row: each piece has its place and its width, so that every font keeps the columns. */
function rowSvg(row: string): string {
  let column = 0;
  return piecesOf(row).map(({ text, style }) => {
    const length = [...text].length;
    const blanks = length - [...text.trimStart()].length;
    const x = (column + blanks) * CELL.width;
    column += length;
    const shown = text.trim();
    if (shown === "") return "";
    const width = [...shown].length * CELL.width;
    const classes = style === "" ? "" : ` class="${style}"`;
    return `<text x="${x}" textLength="${width}"${classes} xml:space="preserve">${
      escape(shown)
    }</text>`;
  }).join("");
}

function frameSvg({ rows }: Frame, x: number, ids: ReadonlyMap<string, number>): string {
  const used = rows.map((row, at) =>
    row === "" ? "" : `<use href="#r${ids.get(row)}" y="${(at + 1) * CELL.height - 5}"/>`
  );
  return `<g transform="translate(${x})">${used.join("")}</g>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
