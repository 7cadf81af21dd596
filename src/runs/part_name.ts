/**
 * Default names for parts of the outputs manifest.
 *
 * Uploads of one run need different names: those of one job, those of jobs of a matrix (which share
 * a job id), and those of different jobs. The re-run of a job needs the same name as its first run.
 * So the name is made of what an upload contains, according to its options or, if they are
 * ambiguous, the paths of its files.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { sortedTexts } from "./sorted_texts.ts";

/** What an upload contains. */
export interface PartSubject {
  /** The command, such as `build`. */
  readonly command: string;
  /**
   * The values of its options: an artifact group, a stage and its GPU family. Empty values are
   * skipped.
   */
  readonly of?: readonly (string | undefined)[];
  /** Whether another job of the same matrix can have the same options. */
  readonly ambiguous?: boolean;
}

/** The maximum length of a name: with `.json`, it fits into a file system's 255 bytes. */
const MAX_LENGTH = 200;

/**
 * The default name of an upload's part.
 *
 * @param subject What the upload contains.
 * @param paths Paths of all its files relative to the run's prefix, including those that it cannot
 * upload.
 * @param job The job's id in its workflow file, if there is a job.
 * @returns `{job}.{command}.{of}`, with a hash of the paths if the options are ambiguous.
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
  if (ambiguous) words.push(hash(sortedTexts(paths)).slice(0, 8));
  const name = words.join(".").replace(/[^A-Za-z0-9._+-]/g, "-").replace(/^\.+/, "");
  return name.length <= MAX_LENGTH
    ? name
    : `${name.slice(0, MAX_LENGTH - 9)}.${hash([name]).slice(0, 8)}`;
}

/** A default name with a hash at its end. */
const HASHED = /^(.+\.)[0-9a-f]{8}$/;

/**
 * Whether the same command with other files would have another default name.
 *
 * @param name The name of a part.
 * @returns `true`, if it ends with a hash.
 */
export function hasVariants(name: string): boolean {
  return HASHED.test(name);
}

/**
 * Whether two default names are of the same command with the same options, and only the paths of the
 * files differ.
 *
 * @param a A name.
 * @param b Another name.
 * @returns `true`, if they differ only in the hash at their ends.
 */
export function isVariant(a: string, b: string): boolean {
  const [start, other] = [a, b].map((name) => HASHED.exec(name)?.[1]);
  return a !== b && start !== undefined && start === other;
}

function hash(texts: Iterable<string>): string {
  const digest = createHash("sha256");
  for (const text of texts) digest.update(`${text}\n`);
  return digest.digest("hex");
}
