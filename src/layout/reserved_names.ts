/**
 * Names that run-outputs gives its own working files and directories. What comes from elsewhere,
 * such as an archive, may not bring such names along: it could pass for ours. Pure.
 *
 * @module
 */

/**
 * Whether a file or directory name is one that run-outputs uses for working files:
 * `.run-outputs-…`, such as `.run-outputs-tmp-1a2b`, and `….run-outputs-fetch`,
 * with a random part behind it or not.
 *
 * Some disks ignore case, the form of accented letters and invisible characters, so names that
 * differ in those alone count as the same.
 *
 * @param name One name of a path.
 * @returns `true`, if nothing else may have it.
 */
export function isReservedName(name: string): boolean {
  // As a rule the letters are not even there.
  if (!name.includes("-") && !/[^\x20-\x7e]/.test(name)) return false;
  const plain = name.replace(/[\p{Default_Ignorable_Code_Point}\p{Cc}]/gu, "").normalize("NFKC")
    .toLowerCase();
  return plain.startsWith(".run-outputs-") || /\.run-outputs-fetch[. ]*(?:-|$)/.test(plain);
}
