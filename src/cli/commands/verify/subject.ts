/**
 * What `verify` verifies: a run in storage or a directory, and the source of repairs.
 *
 * @module
 */

import { describeRoot } from "../../run_root.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import { RunDirectory } from "../../../layout/run_directory.ts";
import type { RunManifest } from "../../../operations/manifest/read.ts";
import type { RepairPlace } from "../../../operations/verify/repair.ts";
import type { Context } from "../../context.ts";
import type { ReadCommandOptions } from "../../options.ts";
import type { Output } from "../../terminal/output.ts";
import { presentRoot } from "../../present_root.ts";
import { readIfWanted, readRunManifest } from "../../run_manifest.ts";
import { runRoot } from "../../run_root.ts";
import { S3_WRITE } from "../../s3_options.ts";
import {
  openDirectory,
  openForReading,
  openForUpload,
  type OpenStorage,
  stagingDirOf,
} from "../../storage.ts";

/** The values of the command's options. */
export interface VerifyCommandOptions extends ReadCommandOptions {
  readonly kind?: readonly string[];
  /** `false` with `--no-manifest`. */
  readonly manifest: boolean;
  readonly quick?: boolean;
  readonly strict?: boolean;
  readonly repair?: boolean;
  readonly from?: string;
  readonly removeLeft?: boolean;
  readonly dropIncomplete?: readonly string[];
  readonly dryRun?: boolean;
  readonly printSums?: boolean;
  readonly concurrency?: number;
}

/** What is verified. */
export interface VerifySubject extends RepairPlace, Disposable {
  readonly storage: OpenStorage;
  readonly manifest: RunManifest;
  /** Where it is, for messages. */
  readonly where: string;
  /** Its members of the JSON form. */
  readonly described: Readonly<Record<string, unknown>>;
  /** The source of repairs. */
  readonly from?: RepairPlace;
}

/**
 * Opens what is verified and, with `--repair`, the source of repairs.
 *
 * @param dir The directory, if given.
 * @param options The command's options.
 * @param context The environment.
 * @param output Receives explanations.
 * @param signal Aborts the reading of the manifest.
 * @returns What is verified. Dispose of it.
 * @throws {RunOutputsError} `not_found`, if a directory does not exist; `integrity` or `failed`, if
 * the manifest can't be read; `unauthenticated`, without the credentials for a repair.
 */
export async function openSubject(
  dir: string | undefined,
  options: VerifyCommandOptions,
  { io }: Context,
  output: Output,
  signal: AbortSignal,
): Promise<VerifySubject> {
  const { manifest: isWanted, repair, removeLeft, dropIncomplete } = options;
  const stagingDir = stagingDirOf(options, io);
  using opened = new DisposableStack();
  const changing = dir === undefined &&
    (repair === true || removeLeft === true || dropIncomplete !== undefined);
  const onDisk = stagingDir !== undefined;
  const rootOf = () => runRoot(options, { reading: true, changing, onDisk }, io, output);
  const finish = (
    storage: OpenStorage,
    found: Omit<VerifySubject, keyof OpenStorage | "storage">,
  ): VerifySubject => {
    const { backend, show } = storage;
    const stack = opened.move();
    return { backend, show, storage, ...found, [Symbol.dispose]: () => stack.dispose() };
  };
  if (dir !== undefined) {
    const storage = opened.use(await openDirectory(dir, "directory", output));
    const root = new RunDirectory();
    const manifest = await readIfWanted(isWanted, root, { ...storage, signal });
    const described = { directory: storage.dir };
    if (!repair) return finish(storage, { root, manifest, where: dir, described });
    const run = rootOf();
    const source = opened.use(await openForReading(options, io, output));
    const { backend, show } = source;
    const reading = { storage: source, io, output, signal };
    const from = { backend, show, root: await presentRoot(run, options, reading) };
    return finish(storage, { root, manifest, where: dir, described, from });
  }
  const named = rootOf();
  const copy = options.from === undefined
    ? undefined
    : await openDirectory(options.from, "copy", output);
  const from = copy && { backend: copy.backend, show: copy.show, root: new RunDirectory() };
  const storage = opened.use(
    (repair || removeLeft || dropIncomplete) && stagingDir === undefined
      ? await openForUpload(options, named.root(), io, output)
      : await openForReading(options, io, output),
  );
  const root = await presentRoot(named, options, { storage, io, output, signal });
  const manifest = await readRunManifest(options, root, { storage, output, signal });
  const described = { ...describeRoot(root, storage), staging_dir: storage.dir };
  return finish(storage, { root, manifest, where: storage.show(root.root()), described, from });
}

/**
 * Rejects options that can't be combined.
 *
 * @param dir The directory to verify, if given.
 * @param options The command's options.
 * @param isGiven Whether an option is on the command line.
 * @throws {RunOutputsError} `invalid`, naming the option.
 */
export function checkOptions(
  dir: string | undefined,
  options: VerifyCommandOptions,
  isGiven: (name: string) => boolean,
): void {
  const { repair, removeLeft, dropIncomplete, from, dryRun, printSums, json, manifest } = options;
  const refuse = (message: string) => {
    throw new RunOutputsError("invalid", message);
  };
  if (printSums && json) refuse("Cannot use --print-sums with --json: the list is text");
  if (printSums && repair) refuse("Cannot use --print-sums with --repair: repair first");
  if (dryRun && !repair && !removeLeft && !dropIncomplete) {
    refuse(
      "Cannot use --dry-run without --repair, --remove-left or --drop-incomplete: nothing is written",
    );
  }
  if (dropIncomplete !== undefined) {
    if (!manifest) refuse("Cannot use --drop-incomplete with --no-manifest: choose one");
    const partial = options.quick ? "--quick" : options.kind === undefined ? undefined : "--kind";
    if (partial !== undefined) {
      refuse(`Cannot use --drop-incomplete with ${partial}: every file has to be verified`);
    }
  }
  if (removeLeft && printSums) refuse("Cannot use --remove-left with --print-sums: choose one");
  if (removeLeft && !manifest) {
    refuse("Cannot use --remove-left with --no-manifest: the manifest lists these files");
  }
  if (from !== undefined && !repair) refuse("Cannot use --from without --repair");
  if (from !== undefined && dir !== undefined) {
    refuse(`Cannot use --from with a directory: '${dir}' is repaired from the run in storage`);
  }
  if (repair && dir === undefined && from === undefined) {
    refuse("Missing option --from <dir>: a run in storage is repaired from a directory");
  }
  for (const [name, flag] of S3_WRITE) {
    if (!isGiven(name)) continue;
    if (!repair) refuse(`Cannot use ${flag} without --repair: no files are written`);
    if (dir !== undefined) refuse(`Cannot use ${flag} with a directory: '${dir}' is not on S3`);
  }
  if (dir === undefined && isGiven("server")) {
    const flag = repair
      ? "--repair"
      : removeLeft
      ? "--remove-left"
      : dropIncomplete && "--drop-incomplete";
    if (flag) refuse(`Cannot use ${flag} with --server: a service can only be read`);
  }
  if (dir === undefined || repair) return;
  const ofRuns = [
    ["runId", "--run-id"],
    ["stagingDir", "--staging-dir"],
    ["server", "--server"],
  ] as const;
  for (const [name, flag] of ofRuns) {
    if (!isGiven(name)) continue;
    refuse(`Cannot use ${flag} with a directory except for --repair: '${dir}' is verified`);
  }
}
