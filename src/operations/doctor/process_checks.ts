/**
 * Checks of the process: the program and its permissions.
 *
 * @module
 */

import { type Check, ok, warning } from "./check.ts";

/**
 * Says which program this is.
 *
 * @param version Its version.
 * @returns The check, which is always ok.
 */
export function programCheck(version: string): Check {
  const { os, arch, standalone } = Deno.build;
  const form = standalone ? "executable" : "sources";
  return {
    name: "program",
    run: () =>
      ok(`run-outputs ${version} (${form}), Deno ${Deno.version.deno}, ${os} ${arch}`, {
        version,
        form,
        deno: Deno.version.deno,
        os,
        arch,
      }),
  };
}

/** Without one of these, most commands can't work. The program has its variables by name. */
const NEEDED: readonly Deno.PermissionDescriptor[] = [
  { name: "read" },
  { name: "write" },
  { name: "net" },
  { name: "env", variable: "AWS_ACCESS_KEY_ID" },
];

/** What more can be granted: only `bisect run` runs programs, and `doctor` reads the free space. */
const OPTIONAL: readonly Deno.PermissionDescriptor[] = [{ name: "run" }, { name: "ffi" }];

/**
 * Checks the permissions of Deno's sandbox.
 *
 * @param query How to query one. Default: Deno's.
 * @returns The check.
 */
export function permissionsCheck(
  query: (descriptor: Deno.PermissionDescriptor) => Promise<Pick<Deno.PermissionStatus, "state">> =
    (descriptor) => Deno.permissions.query(descriptor),
): Check {
  return {
    name: "permissions",
    run: async () => {
      const granted: string[] = [];
      const missing: string[] = [];
      for (const descriptor of NEEDED) {
        const { state } = await query(descriptor);
        (state === "granted" ? granted : missing).push(descriptor.name);
      }
      for (const descriptor of OPTIONAL) {
        if ((await query(descriptor)).state === "granted") granted.push(descriptor.name);
      }
      const details = { granted: granted.join(","), missing: missing.join(",") };
      if (missing.length === 0) return ok(granted.join(", "), details);
      return warning(
        `${missing.join(", ")}: limited or missing`,
        `commands fail where they need more: add ${
          missing.map((name) => `--allow-${name}`).join(" ")
        } to 'deno run'`,
        details,
      );
    },
  };
}
