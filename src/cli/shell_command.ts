/**
 * Formats a command line that can be copied into a shell. Pure.
 *
 * @module
 */

/**
 * The command that repeats this one.
 *
 * @param args The arguments, without the program's name.
 * @returns One line, unless an argument has several, quoted for a shell.
 */
export function shellCommand(args: readonly string[]): string {
  return ["run-outputs", ...args.map(shellWord)].join(" ");
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
