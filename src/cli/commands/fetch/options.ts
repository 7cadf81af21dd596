/**
 * The options of `run-outputs fetch`, and the meaning of their values.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import type { UnpackLimits } from "../../../archive/unpack/options.ts";
import { RunOutputsError } from "../../../errors/error.ts";
import { cacheDirOption } from "../../cache_dir.ts";
import type { FindCommandOptions } from "../../find_options.ts";
import { type CacheOptions, checkCacheOptions } from "./open_cache.ts";
import { concurrency, noManifest, type ReadCommandOptions, wholeNumber } from "../../options.ts";
import { chosen, type SelectionOptions, WHICH, withSelectionOptions } from "../../selection.ts";
import { type StageOptions, withStageOptions } from "../../topology.ts";

/** The values of the command's options. */
export interface FetchCommandOptions
  extends ReadCommandOptions, FindCommandOptions, SelectionOptions, StageOptions, CacheOptions {
  readonly runId?: string;
  readonly outputDir?: string;
  /** `true` unless `--no-extract`; `undefined` is never. */
  readonly extract: boolean;
  readonly flatten?: boolean;
  readonly bootstrap?: boolean;
  readonly keepArchives?: boolean;
  readonly keepOld?: boolean;
  readonly requireChecksums?: boolean;
  readonly list?: boolean;
  /** `false` with `--no-manifest`. */
  readonly manifest: boolean;
  readonly requireComplete?: boolean;
  readonly part?: readonly string[];
  readonly maxMembers?: number;
  readonly maxUnpackedSize?: number;
  readonly maxRatio?: number;
  readonly maxMemory?: number;
  readonly concurrency?: number;
  readonly dryRun?: boolean;
}

/** What to do with the downloaded archives. */
export type FetchMode = "extract" | "flatten" | "bootstrap" | "packed";

/** `--output-dir`, as in the help. */
export const OUTPUT_DIR = "-o, --output-dir <dir>";

const WHAT = "Options for unpacking:";
const CACHE = "Options for the cache:";

/** Adds the options. */
export function withFetchOptions(command: Command): Command {
  return withStageOptions(withSelectionOptions(command, "archives"), "need")
    .addOption(new Option("--list", "only print the selected archives").helpGroup(WHICH))
    .addOption(
      new Option(
        "--require-complete",
        "fetch nothing unless all expected parts of the run's manifest exist",
      ).helpGroup(WHICH),
    )
    .addOption(chosen("--part <names>", "with --require-complete: require these parts instead"))
    .addOption(noManifest())
    .addOption(new Option("--extract").hideHelp())
    .addOption(
      new Option("--no-extract", "don't unpack the archives")
        .helpGroup(WHAT),
    )
    .addOption(
      new Option("--flatten", "merge all archives into one tree, without their top directories")
        .helpGroup(WHAT),
    )
    .addOption(
      new Option("--bootstrap", "unpack for a build: mark the unpacked directories as .prebuilt")
        .helpGroup(WHAT),
    )
    .addOption(
      new Option("--keep-archives", "keep the archives in the output directory too")
        .helpGroup(WHAT),
    )
    .addOption(
      new Option(
        "--keep-old",
        "keep files in the output directory that earlier fetches put there from other runs",
      ).helpGroup(WHAT),
    )
    .addOption(
      new Option("--require-checksums", "reject archives without a checksum").helpGroup(WHAT),
    )
    .addOption(
      new Option("--max-members <number>", "reject archives with more members (default: 1000000)")
        .argParser(wholeNumber(1, Number.MAX_SAFE_INTEGER)).helpGroup(WHAT),
    )
    .addOption(
      new Option(
        "--max-unpacked-size <size>",
        "reject archives above this unpacked size (default: 128G)",
      )
        .argParser(byteSize).helpGroup(WHAT),
    )
    .addOption(
      new Option(
        "--max-ratio <number>",
        "reject archives above this compression ratio (default: 500)",
      )
        .argParser(wholeNumber(1, Number.MAX_SAFE_INTEGER)).helpGroup(WHAT),
    )
    .addOption(
      new Option("--max-memory <size>", "reject .zst archives that need more (default: 128M)")
        .argParser(byteSize).helpGroup(WHAT),
    )
    .addOption(
      cacheDirOption("cache archives by checksum and GitHub's responses here"),
    )
    .addOption(
      new Option("--cache-size <size>", "the maximum size of the cache (default: 50G)")
        .argParser(byteSize).helpGroup(CACHE),
    )
    .addOption(new Option("--no-cache", "don't cache archives (default: $RUN_OUTPUTS_NO_CACHE)")
      .helpGroup(CACHE))
    .addOption(concurrency())
    .addOption(new Option("-n, --dry-run", "print what would be fetched"));
}

/**
 * What to do with the archives.
 *
 * @param options The values.
 * @param given Whether an option was given, by its name in `options`.
 * @returns The mode.
 * @throws {RunOutputsError} `invalid`, if options can't be combined.
 */
export function fetchMode(
  options: FetchCommandOptions,
  given: (name: string) => boolean,
): FetchMode {
  const modes: [boolean, FetchMode, string][] = [
    [options.extract === false, "packed", "--no-extract"],
    [options.extract === true && given("extract"), "extract", "--extract"],
    [options.flatten === true, "flatten", "--flatten"],
    [options.bootstrap === true, "bootstrap", "--bootstrap"],
  ];
  const [first, second] = modes.filter(([isAsked]) => isAsked);
  if (second !== undefined) {
    throw new RunOutputsError("invalid", `Cannot use ${first[2]} with ${second[2]}: choose one`);
  }
  const mode = first?.[1] ?? "extract";
  const unpackingOnly = [
    "keepArchives",
    "maxMembers",
    "maxUnpackedSize",
    "maxRatio",
    "maxMemory",
  ] as const;
  const useless = unpackingOnly.find((name) => mode === "packed" && options[name] !== undefined);
  if (useless !== undefined) {
    const flag = useless.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new RunOutputsError("invalid", `Cannot use --${flag} with --no-extract: choose one`);
  }
  checkCacheOptions(options);
  if (options.part !== undefined && !options.requireComplete) {
    throw new RunOutputsError("invalid", "Cannot use --part without --require-complete");
  }
  if (options.requireComplete && !options.manifest) {
    throw new RunOutputsError(
      "invalid",
      "Cannot use --require-complete with --no-manifest: choose one",
    );
  }
  return mode;
}

/**
 * The limits given by options.
 *
 * @param options The values of the options.
 * @returns Only the given limits.
 */
export function unpackLimits(
  { maxMembers, maxUnpackedSize: maxBytes, maxRatio, maxMemory }: Pick<
    FetchCommandOptions,
    "maxMembers" | "maxUnpackedSize" | "maxRatio" | "maxMemory"
  >,
): Partial<UnpackLimits> {
  return Object.fromEntries(
    Object.entries({ maxMembers, maxBytes, maxRatio, maxMemory })
      .filter(([, value]) => value !== undefined),
  );
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
};

/**
 * Reads a size, such as `50G`.
 *
 * @param value The number of bytes; K, M, G or T after it is a power of 1024.
 * @returns The bytes.
 */
export function byteSize(value: string): number {
  const [, digits, unit] = /^(\d{1,12})([KMGT]?)$/i.exec(value) ?? [];
  const bytes = Number(digits) * (UNITS[unit?.toUpperCase()] ?? NaN);
  if (bytes >= 1 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(
    "Expected a whole number of at least 1, optionally with K, M, G or T: 50G.",
  );
}
