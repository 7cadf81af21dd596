/**
 * An invocation of the program: its parsed command line, what it finds around it, and what it uses.
 *
 * @module
 */

/** A parsed command line. */
export interface CommandLine {
  /** The command's words: `upload build`. */
  readonly command: string;
  /** Its arguments, as the parser passes them. */
  readonly args: readonly (string | readonly string[] | undefined)[];
  /** The values of its options, by their names in code: `outputDir`. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A profile of the shared AWS configuration: its settings by name. */
export type Profiles = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

/** What an invocation finds around it. */
export interface Surroundings {
  /** Reads a variable of the environment. */
  readonly env: (name: string) => string | undefined;
  /** The operating system. */
  readonly os: typeof Deno.build.os;
  /** The profiles of `~/.aws/config` and `~/.aws/credentials`; none without the files. */
  readonly profiles: Profiles;
  /** The program's own files, which it loads when they are needed. */
  readonly program: readonly string[];
  /** Whether this process may run `gh`, which can tell the user's token. */
  readonly mayRunGh: boolean;
  /** The working directories of a fetch, beside its output: its own, and those left by others. */
  readonly workDirs: readonly string[];
}

/** The kind of use, what is used, and why. What is written is read too. */
export type Use = readonly [kind: "read" | "write" | "net" | "run", to: string, why: string];
