/**
 * Loaded before each test file where the executable is tested: skips the tests that it can't pass.
 *
 * @module
 */

/** Why tests are skipped, with a part of the name of each. */
type Skipped = Readonly<Record<string, readonly string[]>>;

/** What is not tested with any executable. */
const ALWAYS: Skipped = {
  "it starts the library, the sources or the bundle, and no executable": [
    " files: a copy of their run",
    " files: an upload that adds to their part",
    " files: manifest, listing and both compared",
    " files: verified and compared",
    "'runs manifest' prints them",
    "a content that a process uses is not removed",
    "a process with read access gets existing content",
    "bundle: ",
    "importing the library",
    "mod.ts: ",
    "processes need one content at once",
    "processes start at once",
    "docs/library.md: the program",
    "the demo ",
    "the process that creates it is killed",
  ],
  "an executable loads no module that stops it before a chosen change": [
    "SIGINT: exit code 130",
    "a killed copy of a run",
    "a killed export",
    "bisect: killed at any change",
    "fetch --",
    "kill -9 ",
    "upload build: killed at any moment",
  ],
  "an executable has its own permissions, and may not run programs": [
    "bisect run, ",
    "bisect run: 125 skips",
    "bisect run: after an interruption",
    "bisect: a read-only cache",
  ],
};

/** What is not tested with an executable whose base runtime is that of Deno 2.4.2. */
const WITH_OLD_BASE: Skipped = {
  "Deno 2.4.2 has no zstd": [
    "a terminal: bars",
    "docs/migration.md: each command",
    "fetch with few permissions: unpacks",
    "fauxqs: a run is copied on the server",
    "home unset: all other commands work",
    "two concurrent uploads",
  ],
  "Deno 2.4.2 can't see whether a file is locked: no cache, and each upload's state is unknown": [
    "bisect log: a shell",
    "bisect run: the loop stops",
    "bisect run: without the permission",
    "what a killed upload leaves",
  ],
  "the HTTP server of Deno 2.4.2 goes on without descriptors": [
    "serve: lives through more connections",
  ],
  "Deno 2.4.2 has no permissions for sockets": [
    "serve --socket: a path in the working directory",
  ],
};

/**
 * The reasons that hold for the executable of `RUN_OUTPUTS_EXECUTABLE`, each with a part of the name
 * of each test. `RUN_OUTPUTS_OLD_BASE` says that it has an old base runtime.
 *
 * @returns The reasons.
 */
export function skipped(): Skipped {
  return { ...ALWAYS, ...Deno.env.has("RUN_OUTPUTS_OLD_BASE") ? WITH_OLD_BASE : {} };
}

/** Lets `Deno.test` skip them. A test has its name as text, or among its options. */
function skipThem(): void {
  const parts = Object.values(skipped()).flat();
  const define = Deno.test as (...args: unknown[]) => void;
  // Its other forms, such as `Deno.test.ignore`, are not in use.
  (Deno as { test: unknown }).test = (...args: unknown[]) => {
    const [name] = args.map((arg) =>
      typeof arg === "string" ? arg : (arg as { readonly name: string }).name
    );
    if (parts.some((part) => name.includes(part))) define({ name, ignore: true, fn: () => {} });
    else define(...args);
  };
}

if (Deno.env.has("RUN_OUTPUTS_EXECUTABLE") && typeof Deno.test === "function") skipThem();
