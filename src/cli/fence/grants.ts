/**
 * The permissions that one invocation of the program needs: one function from a parsed command line
 * and its environment to grants, each with its reason. Pure; see docs/permissions.md.
 *
 * @module
 */

import { join } from "node:path";
import { githubHost, s3Uses } from "./hosts.ts";
import type { CommandLine, Surroundings, Use } from "./invocation.ts";
import { placesOf } from "./places.ts";

/** A permission, what it is for, and why. */
export interface Grant {
  /** The permission. What is written may be read too. */
  readonly permission: "read" | "write" | "net" | "run";
  /** Paths, hosts with ports, or programs. */
  readonly to: readonly string[];
  /** The reason: a phrase for a list. */
  readonly why: string;
}

/** Whether a command runs with grants of its own. */
export type Verdict =
  | { readonly grants: readonly Grant[] }
  /** It runs with all permissions of the process, for this reason. */
  | { readonly unfenced: string };

/**
 * The commands that run with all permissions of the process.
 *
 * The first ones send no requests and write nothing but the outputs of a job's step, and are done
 * before a thread with fewer permissions has started.
 */
const UNFENCED: Readonly<Record<string, string>> = {
  path: "it only computes",
  bucket: "it only computes",
  stages: "it only reads the topology",
  completions: "it only prints",
  doctor: "it examines what this process may do",
  "bisect run": "it starts programs",
};

/**
 * Whether a command runs with grants of its own.
 *
 * @param line The command line.
 * @returns `false`, if it runs with all permissions of the process.
 */
export function isFencedCommand({ command }: CommandLine): boolean {
  return !Object.hasOwn(UNFENCED, command);
}

/**
 * The grants of an invocation.
 *
 * @param line The command line.
 * @param around Its environment.
 * @returns The grants, or why the command has none of its own. All that is not granted is denied:
 * to start programs, to load native code, to import code over the network.
 */
export function grantsOf(line: CommandLine, around: Surroundings): Verdict {
  if (!isFencedCommand(line)) return { unfenced: UNFENCED[line.command] };
  const uses: Use[] = [
    ...placesOf(line, around),
    ...s3Uses(line, around),
    ...githubUses(line, around),
    ...jobUses(line, around),
    ...around.program.map((path): Use => ["read", path, "the program's own files"]),
  ];
  return { grants: merged(uses) };
}

/**
 * The options for a worker with these grants.
 *
 * @param grants The grants.
 * @returns The permissions. The environment and system information are those of the process, which
 * has them by name.
 */
export function permissionsOf(grants: readonly Grant[]): Deno.PermissionOptionsObject {
  const to = (...wanted: Grant["permission"][]) => {
    const all = grants.flatMap(({ permission, to }) => wanted.includes(permission) ? to : []);
    return all.length > 0 && [...new Set(all)];
  };
  return {
    read: to("read", "write"),
    write: to("write"),
    net: to("net"),
    env: "inherit",
    sys: "inherit",
    run: to("run"),
    ffi: false,
    import: false,
  };
}

/**
 * Formats grants as text.
 *
 * @param grants The grants.
 * @param most The maximum number of paths or hosts in a line.
 * @returns A line for each: `write /ci/artifacts: the output`.
 */
export function grantLines(grants: readonly Grant[], most = 3): string[] {
  return grants.map(({ permission, to, why }) =>
    `${permission === "net" ? "connect to" : permission} ${shortened(to, most)}: ${why}`
  );
}

function shortened(names: readonly string[], most: number): string {
  if (names.length <= most + 1) return names.join(", ");
  return `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

/** Merges uses with the same reason. */
function merged(uses: readonly Use[]): Grant[] {
  const grants = new Map<string, Grant & { readonly to: string[] }>();
  for (const [permission, to, why] of uses) {
    const key = `${permission} ${why}`;
    const grant = grants.get(key) ?? { permission, to: [], why };
    if (!grant.to.includes(to)) grant.to.push(to);
    grants.set(key, grant);
  }
  return [...grants.values()];
}

/** Whether the command asks GitHub for runs and commits. */
function githubUses({ command, options }: CommandLine, { env, mayRunGh }: Surroundings): Use[] {
  const { commit, ref, branch, latest } = options;
  const searches = [commit, ref, branch, latest].some((value) => value !== undefined);
  if (command !== "find" && !command.startsWith("bisect") && !(command === "fetch" && searches)) {
    return [];
  }
  const uses: Use[] = [["net", githubHost(env("GITHUB_API_URL")), "GitHub's API"]];
  if (mayRunGh && !env("GH_TOKEN") && !env("GITHUB_TOKEN")) {
    uses.push(["run", "gh", "the user's token"]);
  }
  return uses;
}

/** The files of a job's step. */
function jobUses({ command }: CommandLine, { env }: Surroundings): Use[] {
  const uses: Use[] = [];
  const event = env("GITHUB_EVENT_PATH");
  if (event) uses.push(["read", event, "the event of this job ($GITHUB_EVENT_PATH)"]);
  if (!command.startsWith("upload ")) return uses;
  for (const name of ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"]) {
    const path = env(name);
    if (path) uses.push(["write", path, `the results of this step ($${name})`]);
  }
  const temporary = env("RUNNER_TEMP");
  if (temporary && env("GITHUB_STEP_SUMMARY")) {
    const path = join(temporary, "job_summary.md");
    uses.push(["write", path, "the results of this step ($GITHUB_STEP_SUMMARY)"]);
  }
  return uses;
}
