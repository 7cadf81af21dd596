/**
 * Files with names that no key has.
 *
 * @module
 */

import assert from "node:assert/strict";

/** Whether a disk takes names that are not UTF-8: not those of Windows and macOS. */
export const takesAnyName = Deno.build.os === "linux";

/** Makes a file `a\xff.log` and a directory `d\xfe` with a file in it; no text of Deno has such. */
export async function makeNamesOutsideUtf8(dir: string): Promise<void> {
  const script = `cd "$1" && echo x > "$(printf 'a\\377.log')" && mkdir "$(printf 'd\\376')" && ` +
    `echo y > "$(printf 'd\\376/in')"`;
  const { success } = await new Deno.Command("sh", { args: ["-c", script, "sh", dir] }).output();
  assert(success, `no files were made in ${dir}`);
}

/**
 * Makes a file whose name is 100 bytes `\xff`: Deno tells each as three, and no disk has a name of
 * 300.
 */
export async function makeLongNameOutsideUtf8(dir: string): Promise<void> {
  const script = `cd "$1" && echo x > "$(printf '\\377%.0s' $(seq 100))"`;
  const { success } = await new Deno.Command("sh", { args: ["-c", script, "sh", dir] }).output();
  assert(success, `no file was made in ${dir}`);
}
