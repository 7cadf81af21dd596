/**
 * The program as a process of its own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { isFull } from "../support/cases.ts";
import { run } from "../support/fake_io.ts";
import { EXECUTABLE, ownOutput, programLine } from "../support/program.ts";

const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
const COMMANDS_CHILD = fileURLToPath(new URL("../support/commands_child.ts", import.meta.url));

/** Whoever runs the tests has no part in them. */
export const NOBODY = { GH_TOKEN: "", GITHUB_TOKEN: "", GITHUB_REPOSITORY: "" };

/** The permissions of a process that has no network. */
export const OFFLINE = ["--allow-read", "--allow-write", "--allow-env", "--deny-net"] as const;

/**
 * The state directory of all commands of a test file. The user's own stays as it is, and need not
 * exist: without a home, an interrupted command would leave what no other one may delete.
 */
const STATE = Deno.makeTempDirSync({ prefix: "run-outputs-test-state-" });
addEventListener("unload", () => Deno.removeSync(STATE, { recursive: true }));

/** The variables that name it. */
export const STATE_ENV = { XDG_STATE_HOME: STATE, LOCALAPPDATA: STATE };

/** What no command gets from the environment of whoever runs the tests. */
const NEUTRAL = {
  ...STATE_ENV,
  // The cache of whoever runs the tests stays as it is.
  RUN_OUTPUTS_NO_CACHE: "1",
  RUN_OUTPUTS_CACHE_DIR: "",
  NO_COLOR: "1",
  GITHUB_ACTIONS: "",
  GITHUB_OUTPUT: "",
  GITHUB_RUN_ID: "",
  GITHUB_STEP_SUMMARY: "",
  RELEASE_TYPE: "ci",
  THEROCK_LOCAL_STAGING_DIR: "",
};

/** Starts the program; its streams are null unless asked for. */
export function start(
  args: readonly string[],
  streams: "null" | "piped" = "null",
  env: Readonly<Record<string, string>> = {},
  permissions: readonly string[] = ["-P"],
): Deno.ChildProcess {
  return startWith(permissions, args, streams, env);
}

/** Starts the program with the permission to run others. */
export function startMayRun(
  args: readonly string[],
  streams: "null" | "piped" = "null",
  env: Readonly<Record<string, string>> = {},
): Deno.ChildProcess {
  return startWith(["-P=develop"], args, streams, env);
}

function startWith(
  permissions: readonly string[],
  args: readonly string[],
  streams: "null" | "piped",
  env: Readonly<Record<string, string>>,
  by: readonly string[] = [],
): Deno.ChildProcess {
  const [program, ...words] = [...by, ...programLine(permissions), ...args];
  return new Deno.Command(program, {
    args: words,
    env: { ...NEUTRAL, ...env },
    stdin: "null",
    stdout: streams,
    stderr: streams,
  }).spawn();
}

/** Whether commands of which only the result counts are processes too. */
const inProcesses = isFull || EXECUTABLE !== undefined;

/** What a process did. */
interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command that prepares or checks something around the process that a test is about. In CI,
 * and where the executable is tested, it is a process too; else it runs in the test's own process, which takes a tenth of the time.
 */
export async function command(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  if (inProcesses) return await finish(args, env);
  return await run(args, { ...Deno.env.toObject(), ...NEUTRAL, ...env });
}

/** Runs the program to its end. */
export async function finish(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  permissions?: readonly string[],
): Promise<Finished> {
  return await finished(start(args, "piped", env, permissions));
}

/** Runs the program to its end, with the permission to run others. */
export async function finishMayRun(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return await finished(startMayRun(args, "piped", env));
}

/**
 * Runs command lines one after the other, with no environment but what is given: what a service or
 * a container may have. Each is a process in CI, and where the
 * executable is tested; else all are one process with that environment,
 * since starting takes most of the time.
 *
 * @param commands The arguments of each.
 * @param env The environment.
 * @param cwd The working directory. Default: that of the tests.
 * @returns What each of them did.
 */
export async function finishBare(
  commands: readonly (readonly string[])[],
  env: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<Finished[]> {
  const options = {
    clearEnv: true,
    // The runtime's own cache, which it looks for in the home.
    env: { DENO_DIR: await denoDir(), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...env },
    cwd,
    stdout: "piped",
    stderr: "piped",
  } as const;
  if (!inProcesses) {
    const args = ["run", "-q", "-P", "--config", CONFIG, COMMANDS_CHILD];
    const child = new Deno.Command(Deno.execPath(), { ...options, args, stdin: "piped" }).spawn();
    const input = new Response(JSON.stringify({ commands, env: options.env })).body!.pipeTo(
      child.stdin,
    );
    const [{ code, stdout, stderr }] = await Promise.all([finished(child), input]);
    if (code !== 0) throw new Error(`the commands' process ended with ${code}: ${stderr}`);
    return JSON.parse(stdout);
  }
  const all: Finished[] = [];
  const [program, ...start] = programLine();
  for (const words of commands) {
    const args = [...start, ...words];
    all.push(
      await finished(new Deno.Command(program, { ...options, args, stdin: "null" }).spawn()),
    );
  }
  return all;
}

let denoDirFound: Promise<string> | undefined;

function denoDir(): Promise<string> {
  return denoDirFound ??= findDenoDir();
}

async function findDenoDir(): Promise<string> {
  const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"], stderr: "null" });
  return JSON.parse(new TextDecoder().decode((await info.output()).stdout)).denoDir;
}

const WITHOUT_CAPABILITIES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];

/**
 * What starts a program for which the permissions of files hold also if root runs the tests; nothing,
 * where that can't be had.
 */
const ORDINARY: readonly string[] | undefined = Deno.build.os === "windows"
  ? undefined
  : Deno.uid() !== 0
  ? []
  : works([...WITHOUT_CAPABILITIES, "true"])
  ? WITHOUT_CAPABILITIES
  : undefined;

/** Whether {@linkcode finishOrdinary} can be used. */
export const canBeOrdinary = ORDINARY !== undefined;

/** Runs the program to its end, as a user who is bound by the permissions of files. */
export async function finishOrdinary(args: readonly string[]): Promise<Finished> {
  return await finished(startWith(["-P"], args, "piped", {}, ORDINARY));
}

/** Runs the program to its end, with a umask in octal digits. */
export async function finishWithUmask(umask: string, args: readonly string[]): Promise<Finished> {
  const by = ["sh", "-c", `umask ${umask} && exec "$@"`, "sh"];
  return await finished(startWith(["-P"], args, "piped", {}, by));
}

function works([program, ...args]: readonly string[]): boolean {
  try {
    return new Deno.Command(program, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function finished(program: Deno.ChildProcess): Promise<Finished> {
  const { code, stdout, stderr } = await program.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: ownOutput(decoder.decode(stderr)) };
}
