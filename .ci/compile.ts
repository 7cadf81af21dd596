/**
 * `deno task compile [OUT]`: compiles the bundle in dist/bundle to one executable with the
 * permission set `default` of deno.json: no run, no ffi, no prompt. It embeds nothing but the bundle.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { LIBLZMA, WORKERS } from "./bundle.ts";

/** The bundle, as `deno task bundle` leaves it. */
const BUNDLE = "dist/bundle";

type PermissionSet = Readonly<Record<string, boolean | readonly string[]>>;

/**
 * The flags of a permission set. They replace `-P`, which Deno 2.4 (the newest base runtime on npm)
 * does not support.
 *
 * @param set The set in deno.json.
 * @returns A flag for each granted permission.
 */
export function permissionFlags(set: PermissionSet): string[] {
  return Object.entries(set).flatMap(([name, value]) => {
    if (value === true) return [`--allow-${name}`];
    return value === false ? [] : [`--allow-${name}=${(value as string[]).join(",")}`];
  });
}

/**
 * The flags of unstable features, without lazy imports: what is only imported lazily would not be
 * embedded.
 */
function unstableFlags(features: readonly string[]): string[] {
  return features.filter((name) => name !== "lazy-dynamic-imports")
    .map((name) => `--unstable-${name}`);
}

if (import.meta.main) {
  const root = new URL("../", import.meta.url);
  const standard = Deno.build.os === "windows" ? "run-outputs.exe" : "run-outputs";
  const out = Deno.args[0] ?? standard;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--quiet",
      "--no-check",
      "--no-prompt",
      ...permissionFlags(config.permissions.default),
      // All dependencies are in the bundle; with deno.lock, its packages would be embedded too.
      "--no-lock",
      "--no-config",
      ...unstableFlags(config.unstable),
      ...WORKERS.flatMap((worker) => ["--include", `${BUNDLE}/${worker}.js`]),
      "--include",
      `${BUNDLE}/${LIBLZMA}`,
      "--output",
      out,
      `${BUNDLE}/cli.js`,
    ],
    cwd: root,
    stderr: "piped",
  }).output();
  const message = new TextDecoder().decode(stderr);
  if (code === 0) {
    console.log(`compiled ${out}`);
  } else if (/denort|base binary/.test(message)) {
    console.error(
      `Cannot compile the executable: the base runtime of Deno ${Deno.version.deno} (denort) could ` +
        `not be downloaded. Without access to Deno's download server, download it elsewhere ` +
        `(denort-${Deno.build.target}.zip of release v${Deno.version.deno}), unpack it, and ` +
        `run: DENORT_BIN=/path/to/denort deno task compile`,
    );
  } else console.error(message);
  Deno.exit(code);
}
