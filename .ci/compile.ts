/**
 * `deno task compile [OUT]`: compiles the bundle in dist/bundle to one executable with the
 * permission set `default` of deno.json: no run, no ffi, no prompt. It embeds nothing but the bundle.
 *
 * @module
 */

import config from "../deno.json" with { type: "json" };
import { LIBLZMA, WORKERS } from "./bundle.ts";

const ROOT = new URL("../", import.meta.url);

/** The bundle, as `deno task bundle` leaves it. */
const BUNDLE = "dist/bundle";

/** The systems that executables are released for, as Deno names them. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-pc-windows-msvc",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
] as const;

/** A system. */
export type Target = (typeof TARGETS)[number];

/**
 * The file name of a target's executable.
 *
 * @param target The target.
 * @returns The name.
 */
export function executableName(target: Target): string {
  return `run-outputs-${target}${target.includes("windows") ? ".exe" : ""}`;
}

/**
 * The environment variable that sets the base runtime of a target.
 *
 * @param target The target.
 * @returns Its name, such as `DENORT_BIN_X86_64_APPLE_DARWIN`.
 */
export function baseVariable(target: Target): string {
  return `DENORT_BIN_${target.toUpperCase().replaceAll("-", "_")}`;
}

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

/** Compiles the bundle to one executable. */
export interface CompileOptions {
  /** The file. */
  readonly out: string;
  /** The target. Default: this machine. */
  readonly target?: Target;
  /** The base runtime. Default: Deno downloads that of its own version. */
  readonly base?: string;
}

/**
 * Compiles the bundle in dist/bundle.
 *
 * @param options What is compiled to what.
 * @throws {Error} If Deno can't; in the words of a person who has to mend it.
 */
export async function compile({ out, target, base }: CompileOptions): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
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
      ...target === undefined ? [] : ["--target", target],
      ...WORKERS.flatMap((worker) => ["--include", `${BUNDLE}/${worker}.js`]),
      "--include",
      `${BUNDLE}/${LIBLZMA}`,
      "--output",
      out,
      `${BUNDLE}/cli.js`,
    ],
    env: base === undefined ? {} : { DENORT_BIN: base },
    cwd: ROOT,
    stderr: "piped",
  }).output();
  if (success) return;
  const message = new TextDecoder().decode(stderr).trim();
  if (!/denort|base binary|error sending request/i.test(message)) throw new Error(message);
  const { deno } = Deno.version;
  throw new Error(
    `Cannot compile ${out}: the base runtime of Deno ${deno} (denort) could not be downloaded. ` +
      `Download denort-${target ?? Deno.build.target}.zip of release v${deno} elsewhere, unpack ` +
      `it, and set ${target === undefined ? "DENORT_BIN" : baseVariable(target)} to it`,
  );
}

if (import.meta.main) {
  const standard = Deno.build.os === "windows" ? "run-outputs.exe" : "run-outputs";
  const out = Deno.args[0] ?? standard;
  try {
    await compile({ out });
    console.log(`compiled ${out}`);
  } catch (error) {
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
