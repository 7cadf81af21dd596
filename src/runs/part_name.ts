/**
 * What a part of the outputs manifest is called, where nobody says so.
 *
 * Uploads of one run must not take each other's names: those of one job, those of jobs of a matrix
 * (which a job's own id does not tell apart), those of different jobs. And the re-run of a job must
 * take the name that its first run took. So a name is made of what an upload is of, by its options;
 * where these don't say it, of the paths of its files.
 *
 * @module
 */

import { createHash } from "node:crypto";

/** What an upload is of. */
export interface PartSubject {
  /** The command, such as `build`. */
  readonly command: string;
  /** What its options name: an artifact group, a stage and its GPU family. Empty ones are left out. */
  readonly of?: readonly (string | undefined)[];
  /** Whether another job of the same matrix can give the same options. */
  readonly ambiguous?: boolean;
}

/** How long a name can get: with `.json`, a file system's 255 bytes. */
const MAX_LENGTH = 200;

/**
 * The name of an upload's part.
 *
 * @param subject What the upload is of.
 * @param paths The files it is to put there, those that it can't put there too, relative to the run's
 * prefix.
 * @param job The job's id in its workflow file, if there is a job.
 * @returns `{job}.{command}.{of}`, and a hash of the paths where options do not tell uploads apart.
 *
 * @example
 * ```ts
 * import { defaultPartName } from "@therock/run-outputs/runs";
 *
 * const name = defaultPartName({ command: "build", of: ["gfx94X-dcgpu"] }, [], "linux");
 * console.assert(name === "linux.build.gfx94X-dcgpu");
 * ```
 */
export function defaultPartName(
  { command, of = [], ambiguous = false }: PartSubject,
  paths: Iterable<string>,
  job?: string,
): string {
  const words = [job, command, ...of].filter((word) => word !== undefined && word !== "");
  if (ambiguous) words.push(hash([...paths].sort()).slice(0, 8));
  const name = words.join(".").replace(/[^A-Za-z0-9._+-]/g, "-").replace(/^\.+/, "");
  return name.length <= MAX_LENGTH
    ? name
    : `${name.slice(0, MAX_LENGTH - 9)}.${hash([name]).slice(0, 8)}`;
}

function hash(texts: readonly string[]): string {
  const digest = createHash("sha256");
  for (const text of texts) digest.update(`${text}\n`);
  return digest.digest("hex");
}
