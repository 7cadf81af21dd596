/**
 * Lists of checksums as `sha256sum` writes and checks them.
 *
 * @module
 */

/**
 * One line of a list for `sha256sum -c`.
 *
 * @param sha256 The digest, 64 hex digits.
 * @param path The file's path, relative to where the list is checked.
 * @returns The line, with its line break. Of a name with a backslash or a line break, which are
 * escaped, it begins with a backslash.
 *
 * @example
 * ```ts
 * import { checksumLine } from "@therock/run-outputs/runs";
 *
 * const digest = "0".repeat(64);
 * console.assert(checksumLine(digest, "logs/a.log") === `${digest}  logs/a.log\n`);
 * console.assert(checksumLine(digest, "a\\b") === `\\${digest}  a\\\\b\n`);
 * ```
 */
export function checksumLine(sha256: string, path: string): string {
  // A lone "-" is standard input.
  const name = path === "-" ? "./-" : path;
  const escaped = name.replace(/[\\\n\r]/g, (c) => ESCAPES[c]);
  return `${escaped === name ? "" : "\\"}${sha256}  ${escaped}\n`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" };
