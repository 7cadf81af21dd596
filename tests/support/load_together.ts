/**
 * Test files that share an isolate. A file on its own loads the library, the S3 client and the
 * in-process server again, which costs more than most files' tests. So a directory has a
 * `together.ts`, which loads all test files below it, and `deno task test` runs those.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import { sources } from "./import_graph.ts";

/** The name of the files that load others. */
export const TOGETHER = "together.ts";

/** Where each file has its own isolate: most work there is other processes', or it changes globals. */
export const SEPARATE: readonly string[] = ["tests/e2e", "tests/integration", "tests/pictures"];

/**
 * The test files that a `together.ts` loads: those below its directory, except where a directory
 * below has its own `together.ts` or each file has its own isolate.
 *
 * @param entry Its path from the root of the repository, such as `tests/cli/together.ts`.
 * @param files All files of the tests.
 * @returns The paths, in the order of `files`.
 */
export function loadedTogether(entry: string, files: readonly string[]): string[] {
  const dir = `${dirname(entry)}/`;
  const others = [
    ...files.filter((file) => file.endsWith(`/${TOGETHER}`)).map((file) => dirname(file)),
    ...SEPARATE,
  ].map((name) => `${name}/`).filter((name) => name.startsWith(dir) && name !== dir);
  return files.filter((file) =>
    file.startsWith(dir) && file.endsWith("_test.ts") &&
    !others.some((other) => file.startsWith(other))
  );
}

/** Loads the test files of a `together.ts`, given its directory's path from the root. */
export async function loadTogether(dir: string): Promise<void> {
  const files = await sources("tests");
  for (const file of loadedTogether(join(dir, TOGETHER), files)) {
    await import(new URL(`../../${file}`, import.meta.url).href);
  }
}
