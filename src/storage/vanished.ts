/**
 * Directories that others take away: deleting an object does so with those that it leaves empty, and
 * a fetch that got nothing with those that it had made.
 *
 * @module
 */

/** How often a directory is made anew. */
const MAX_ATTEMPTS = 100;

/**
 * Makes a file in a directory that may be taken away at any time before the file is there.
 *
 * @param make Makes the directory and the file; it is called again where one of them is missing.
 * @returns What it returns.
 * @throws What it throws; `NotFound` only after many attempts.
 */
export async function againIfVanished<T>(make: () => Promise<T>): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await make();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}
