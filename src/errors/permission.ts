/**
 * Reasons for permissions that Deno's sandbox denies. Deno's own text advises flags of Deno, which
 * do not exist in our compiled executable.
 *
 * @module
 */

/** The purpose of each permission, to follow "the permission to". */
const TO: Readonly<Record<string, string>> = {
  read: "read",
  write: "write",
  net: "connect to",
  env: "read the environment",
  sys: "read system information",
  run: "run",
  ffi: "load",
  import: "import",
};

/**
 * Paths for which read and write permission is not enough, because they give access to everything.
 */
const ALL = "Deno opens files in /dev, /proc and /sys only with all " +
  "permissions: use another directory, or 'deno run -A'";

const ENV = "read the environment variable";

/**
 * Says which permission is missing.
 *
 * @param error What was thrown, or an error with that as its cause.
 * @returns A reason, to follow "Cannot X:"; `undefined`, if it is another error.
 */
export function missingPermission(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const [, kind = "", of] = /^Requires (\w+) access(?: to ("[^"]*"|[^,\n]+))?/.exec(at.message) ??
      [];
    // A module that may not be read is a TypeError.
    const isModule = at instanceof TypeError && kind !== "";
    if (!isModule && !(at instanceof Deno.errors.NotCapable)) continue;
    if (kind === "all" && of !== undefined) return ALL;
    if (!Object.hasOwn(TO, kind)) return "Deno's sandbox denied access";
    const what = of === undefined
      ? TO[kind]
      : kind === "env"
      ? `${ENV} ${of}`
      : `${TO[kind]} ${of}`;
    return `the permission to ${what} is missing (Deno's sandbox)`;
  }
  return undefined;
}
