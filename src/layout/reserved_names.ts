/**
 * Names of run-outputs' own working files and directories. Names from elsewhere, such as from an
 * archive, must not look like them. Pure.
 *
 * @module
 */

/**
 * Whether a file or directory name is one that run-outputs uses for working files:
 * `.run-outputs-…`, such as `.run-outputs-tmp-1a2b`, `….run-outputs-fetch`, with a random part behind
 * it or not, and `….part.journal`, from which a download would be resumed.
 *
 * Some disks ignore case, the form of accented letters and invisible characters, so names that
 * differ only in those count as equal.
 *
 * @param name One segment of a path.
 * @returns `true`, if nothing else may have this name.
 */
export function isReservedName(name: string): boolean {
  // Most names do not even contain the letters.
  if (!/-|\.j|[^\x20-\x7e]/i.test(name)) return false;
  const plain = name.replace(/[\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, "").normalize("NFKC")
    .toLowerCase();
  return plain.startsWith(".run-outputs-") ||
    /\.run-outputs-fetch[. ]*(?:-|$)|\.part\.journal[. ]*$/.test(plain);
}

/**
 * Whether a path has a name of run-outputs' own working files in it.
 *
 * @param path The path, with `/` between its names.
 * @returns `true`, if one of them is reserved.
 */
export function hasReservedName(path: string): boolean {
  // One look at the whole path is enough for most.
  if (!/run-outputs|\.journal|[^\x20-\x7e]/i.test(path)) return false;
  return path.split("/").some(isReservedName);
}
