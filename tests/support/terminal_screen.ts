/**
 * The screen of a terminal, as far as progress bars use it.
 *
 * @module
 */

/** What a terminal shows. */
export interface Screen {
  /** The rows when something was cleared the last time, without blank ones at the end. */
  readonly beforeLastClear: readonly string[];
  /** How many rows were continued on the next one because they were too long. */
  readonly wrapped: number;
}

/**
 * Reads what was written to a terminal.
 *
 * @param text What was written. Control sequences other than those of bars are an error.
 * @param columns The width of the terminal.
 * @returns The screen.
 */
export function screenOf(text: string, columns: number): Screen {
  const rows: string[][] = [[]];
  let [row, column, wrapped] = [0, 0, 0];
  let beforeLastClear: readonly string[] = [];
  const go = (to: number) => {
    row = Math.max(0, to);
    while (rows.length <= row) rows.push([]);
  };
  const put = (character: string) => {
    if (column === columns) {
      wrapped++;
      column = 0;
      go(row + 1);
    }
    while (rows[row].length < column) rows[row].push(" ");
    rows[row][column++] = character;
  };
  // deno-lint-ignore no-control-regex -- the codes of a terminal
  for (const [piece, digits, code] of text.matchAll(/\x1b\[\??(\d*)([A-Za-z])|[^]/gu)) {
    const count = digits === undefined || digits === "" ? undefined : Number(digits);
    if (piece === "\n") go(row + 1);
    else if (piece === "\r") column = 0;
    else if (code === undefined && piece >= " ") put(piece);
    else if (code === "A") go(row - (count ?? 1));
    else if (code === "B") go(row + (count ?? 1));
    else if (code === "G") column = (count ?? 1) - 1;
    else if (code === "K") rows[row].length = Math.min(rows[row].length, column);
    else if (code === "J") {
      const shown = rows.map((cells) => cells.join("").trimEnd());
      while (shown.at(-1) === "") shown.pop();
      if (shown.length > 0) beforeLastClear = shown;
      rows.length = row + 1;
      rows[row].length = Math.min(rows[row].length, column);
    } else if (code !== "h" && code !== "l") {
      throw new Error(`an unknown control sequence: ${JSON.stringify(piece)}`);
    }
    if (piece === "\n") column = 0;
  }
  return { beforeLastClear, wrapped };
}
