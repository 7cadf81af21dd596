/**
 * Gets rid of files between two measurements without deleting them.
 *
 * ext4 does not use the inode of a deleted file again for a minute and more, and looks through all of
 * these for each file that is created: after 10,000 deleted files that takes 0.6 ms instead of 0.03.
 * Whatever is measured next would pay for what was measured before.
 *
 * @module
 */

import { BUNDLE } from "./bundled.ts";

/** Smaller files are left as they are: it is their number that counts. */
const SMALL = 65_536;

let place: string | undefined;

/**
 * Takes a directory away, as if it was deleted. `deno task bench` deletes it at the end of all
 * benchmarks, and a single benchmark at its own end.
 *
 * @param dir The directory; it may be missing.
 */
export async function discard(dir: string): Promise<void> {
  try {
    await freeSpace(dir);
    place ??= await makePlace();
    await Deno.rename(dir, `${place}/${crypto.randomUUID()}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    // Another file system, such as one in memory.
    if ((error as { code?: string }).code !== "EXDEV") throw error;
    await Deno.remove(dir, { recursive: true });
  }
}

async function makePlace(): Promise<string> {
  const made = await Deno.makeTempDir({ prefix: "run-outputs-discarded-" });
  if (!Deno.env.has(BUNDLE)) {
    globalThis.addEventListener("unload", () => Deno.removeSync(made, { recursive: true }));
  }
  return made;
}

async function freeSpace(dir: string): Promise<void> {
  for await (const { name, isDirectory, isFile } of Deno.readDir(dir)) {
    const path = `${dir}/${name}`;
    if (isDirectory) await freeSpace(path);
    else if (isFile && (await Deno.stat(path)).size > SMALL) await Deno.truncate(path, 0);
  }
}
