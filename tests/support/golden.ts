/**
 * Golden files: what a text was when a person last looked at it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

/**
 * Compares a text with a golden file; with `UPDATE_GOLDEN=1` it writes the file.
 *
 * @param name The file's path below `tests/testdata`.
 * @param actual The text.
 */
export async function assertGolden(name: string, actual: string): Promise<void> {
  const path = fileURLToPath(new URL(`../testdata/${name}`, import.meta.url));
  if (Deno.env.get("UPDATE_GOLDEN") === "1") {
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, actual);
    return;
  }
  const expected = await Deno.readTextFile(path).catch(() => "(there is no golden file)");
  assert.equal(actual, expected, `'deno task update:golden' writes ${name} anew, if this is right`);
}
