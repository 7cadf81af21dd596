/**
 * The program as a process of its own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

/** The permissions of a process that has no network. */
export const OFFLINE = ["--allow-read", "--allow-write", "--allow-env", "--deny-net"] as const;

/** Starts the program; its streams are null unless asked for. */
export function start(
  args: readonly string[],
  streams: "null" | "piped" = "null",
  env: Readonly<Record<string, string>> = {},
  permissions: readonly string[] = ["-P"],
): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", ...permissions, CLI, ...args],
    env: {
      NO_COLOR: "1",
      GITHUB_ACTIONS: "",
      GITHUB_OUTPUT: "",
      GITHUB_RUN_ID: "",
      GITHUB_STEP_SUMMARY: "",
      RELEASE_TYPE: "ci",
      THEROCK_LOCAL_STAGING_DIR: "",
      ...env,
    },
    stdin: "null",
    stdout: streams,
    stderr: streams,
  }).spawn();
}

/** Runs the program to its end. */
export async function finish(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  permissions?: readonly string[],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const { code, stdout, stderr } = await start(args, "piped", env, permissions).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
