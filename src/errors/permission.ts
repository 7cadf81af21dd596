/**
 * What to tell of a permission that Deno's sandbox does not give: Deno's own text advises flags of
 * Deno, which who runs our executable does not have.
 *
 * @module
 */

/** What each permission is for, so that it reads after "the permission to". */
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

/** Permissions to read and write are not enough there: what is in it can give all others. */
const ALL = "Deno opens files in /dev, /proc and /sys only with all " +
  "permissions: use another directory, or 'deno run -A'";

const ENV = "read the environment variable";

/**
 * Says which permission is missing for what.
 *
 * @param error What was thrown; also one whose cause is it.
 * @returns A reason, so that it reads after "Cannot X:"; `undefined`, if it is another error.
 */
export function missingPermission(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!(at instanceof Deno.errors.NotCapable)) continue;
    const [, kind = "", of] = /^Requires (\w+) access(?: to ("[^"]*"|[^,\n]+))?/.exec(at.message) ??
      [];
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
