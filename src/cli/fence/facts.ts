/**
 * What the grants of an invocation depend on besides its command line: the environment, the profiles
 * of the AWS configuration, links in paths, the program's own files.
 *
 * @module
 */

import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { lookAt, type Place, wayTo } from "../../ownership/way_to.ts";
import { realPath } from "../../storage/local/real_path.ts";
import { homeOf } from "./credential_hosts.ts";
import { type Grant, grantsOf, isFencedCommand } from "./grants.ts";
import { usesS3 } from "./hosts.ts";
import type { CommandLine, Profiles, Surroundings } from "./invocation.ts";
import { text } from "./places.ts";

/** What a thread needs to run an invocation with its grants. */
export interface Fencing {
  /** The grants, with absolute paths. */
  readonly grants: readonly Grant[];
  /** Whether it unpacks archives, so that the first thread makes links for it. */
  readonly unpacks: boolean;
  /** What is above the directories that it may use, which it can't read. */
  readonly above: readonly Place[];
  /** The working directories beside the output of a fetch. */
  readonly workDirs?: WorkDirs;
  /** Whether another command line, in the same surroundings, gets the same grants. */
  readonly isFor: (line: CommandLine) => boolean;
}

/** The working directories beside an output. */
type WorkDirs = Awaited<
  ReturnType<typeof import("../../operations/fetch/work_names.ts").workDirsOf>
>;

/** What is read of the process. */
export interface ProcessFacts {
  /** Reads a variable of the environment. */
  readonly env: (name: string) => string | undefined;
  /** The URL of the main module. */
  readonly mainModule: string;
}

/**
 * Determines the grants of an invocation, with the paths as they are on this disk.
 *
 * @param line The command line.
 * @param facts The process.
 * @returns The grants, or why there are none.
 * @throws {RunOutputsError} Errors of the disk.
 */
export async function fencingOf(
  line: CommandLine,
  { env, mainModule }: ProcessFacts,
): Promise<Fencing | { readonly unfenced: string }> {
  const workDirs = await ownWorkDirs(line);
  const plain: Surroundings = {
    env,
    os: Deno.build.os,
    profiles: {},
    program: programFiles(mainModule),
    mayRunGh: isFencedCommand(line) &&
      Deno.permissions.querySync({ name: "run", command: "gh" }).state === "granted",
    workDirs: workDirs === undefined ? [] : [workDirs.own, ...workDirs.left],
  };
  const around = isFencedCommand(line) && usesS3(line, plain)
    ? { ...plain, profiles: await readProfiles(plain) }
    : plain;
  const verdict = grantsOf(line, around);
  if ("unfenced" in verdict) return verdict;
  const above = new Map<string, Place>();
  const grants: Grant[] = [];
  for (const grant of verdict.grants) {
    if (!/^(?:read|write)$/.test(grant.permission)) {
      grants.push({ ...grant, to: grant.to.map(absoluteSocket) });
      continue;
    }
    const to = new Set<string>();
    for (const path of grant.to) {
      for (const form of await formsOf(path, grant.permission)) to.add(form);
      for (const place of placesAbove(path)) above.set(place.path, place);
    }
    grants.push({ ...grant, to: [...to] });
  }
  const isFor = (other: CommandLine) =>
    JSON.stringify(grantsOf(other, around)) === JSON.stringify(verdict);
  const unpacks = /^(?:fetch|bisect .+)$/.test(line.command);
  return { grants, unpacks, above: [...above.values()], workDirs, isFor };
}

/**
 * The forms of a path that a command can use: as it is named and without links. Of what is written,
 * the first missing directory: it is created, and deleted if nothing remains in it.
 */
async function formsOf(path: string, permission: Grant["permission"]): Promise<string[]> {
  const named = absolute(path);
  const real = await realPath(named);
  return [named, real, ...permission === "write" ? [firstMissing(real) ?? real] : []];
}

function firstMissing(real: string): string | undefined {
  let missing: string | undefined;
  for (let at = real; dirname(at) !== at && !exists(at); at = dirname(at)) missing = at;
  return missing;
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** What is on the way to a path, as far as it exists. */
function placesAbove(path: string): Place[] {
  const places: Place[] = [];
  const named = absolute(path);
  const add = (place: Place) => places.push({ ...place, real: Deno.realPathSync(place.path) });
  try {
    for (let at = dirname(named); dirname(at) !== at; at = dirname(at)) {
      if (exists(at)) add(lookAt(at));
    }
    if (Deno.build.os !== "windows") {
      for (const { isAbove: _, ...place } of wayTo(named)) add(place);
    }
  } catch {
    // Nothing is on the rest of the way.
  }
  return places;
}

async function ownWorkDirs({ command, options }: CommandLine): Promise<WorkDirs | undefined> {
  const output = text(options.outputDir);
  if (command !== "fetch" || output === undefined) return undefined;
  const { workDirsOf } = await import("../../operations/fetch/work_names.ts");
  return await workDirsOf(absolute(output));
}

/** The runtime takes sockets by absolute paths only. */
function absoluteSocket(to: string): string {
  return to.startsWith("unix:") ? `unix:${absolute(to.slice("unix:".length))}` : to;
}

/** Without a directory, `resolve` loads a part of the runtime that takes 13 ms. */
function absolute(path: string): string {
  return resolve(Deno.cwd(), path);
}

/**
 * The files that the program loads when it needs them.
 *
 * @param mainModule The URL of `cli.ts` or `mod.ts`, or of the bundle's `cli.js`.
 * @returns Directories and files.
 */
export function programFiles(mainModule: string): string[] {
  const main = fileURLToPath(mainModule);
  const root = dirname(main);
  // A bundle has nothing else in its directory.
  if (basename(main).endsWith(".js")) return [root];
  return ["src", "cli.ts", "mod.ts", "deno.json"].map((name) => join(root, name))
    .concat(liblzma());
}

/** The directory of the package with liblzma, whose WebAssembly is read as a file. */
function liblzma(): string[] {
  const [, directory] =
    /^(.*node-liblzma(?:\/\d[^/]*)?)\//.exec(import.meta.resolve("node-liblzma")) ?? [];
  return directory === undefined ? [] : [fileURLToPath(directory)];
}

/** Reads the profiles, if there are any. */
async function readProfiles(around: Surroundings): Promise<Profiles> {
  const { env } = around;
  const home = homeOf(around);
  const standard = (name: string) => home === undefined ? undefined : join(home, ".aws", name);
  const paths = [
    env("AWS_CONFIG_FILE") || standard("config"),
    env("AWS_SHARED_CREDENTIALS_FILE") || standard("credentials"),
  ];
  if (!paths.some((path) => path !== undefined && exists(path))) return {};
  const { readAllProfiles } = await import("../../storage/s3/shared_config.ts");
  return await readAllProfiles(env);
}
