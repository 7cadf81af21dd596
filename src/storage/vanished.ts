/**
 * Directories that other processes delete: deleting an object also deletes directories that become
 * empty, and a fetch without results deletes those that it created.
 *
 * @module
 */

/** The maximum number of times to create a directory. */
const MAX_ATTEMPTS = 100;

/**
 * Creates a file in a directory that may be deleted at any time before the file exists.
 *
 * @param make Creates the directory and the file; called again if one of them is missing.
 * @returns The result of `make`.
 * @throws Errors of `make`; `NotFound` only after many attempts.
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
