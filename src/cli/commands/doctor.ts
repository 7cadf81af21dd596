/**
 * `run-outputs doctor`
 *
 * @module
 */

import { Argument, Command, Option } from "commander";
import config from "../../../deno.json" with { type: "json" };
import type { ErrorCode } from "../../errors/error.ts";
import { RunOutputsError } from "../../errors/error.ts";
import type { Check, Finding } from "../../operations/doctor/check.ts";
import type { Context } from "../context.ts";
import { EXIT, exitCodeOf } from "../exit_codes.ts";
import { cacheDirOf, cacheDirOption } from "../cache_dir.ts";
import { type ReadCommandOptions, STORAGE, withReadOptions } from "../options.ts";
import { runRoot } from "../run_root.ts";
import { serviceToCheck } from "../service_storage.ts";
import {
  noteUnused,
  rejectTwoPlaces,
  s3BackendOptions,
  stagingDirOf,
  uploadJournals,
} from "../storage.ts";
import type { Io } from "../terminal/io.ts";
import { columns, Output } from "../terminal/output.ts";

/** The values of the command's options. */
interface DoctorCommandOptions extends ReadCommandOptions {
  readonly server?: string;
  readonly serverTokenFile?: string;
  readonly cacheDir?: string;
  readonly writeTest?: boolean;
  readonly permissions?: boolean;
}

/** Builds the command. */
export function doctorCommand(context: Context): Command {
  const command = new Command("doctor")
    .summary("check credentials, clock, server, GitHub, directories and disk")
    .description(
      "Checks what the commands need: credentials, clock, region and server of a bucket, what the " +
        "server enforces, GitHub's token and quota, proxy and certificates, cache and state " +
        "directories, disk space and permissions. Prints a line for each, with what to do. Takes the " +
        "same options for storage as the other commands, and prints no secrets. A staging directory " +
        "or a service is checked instead of S3.",
    )
    .addOption(
      new Option(
        "--write-test",
        "also write and delete a small object (run-outputs-doctor-probe-…), to see what the server " +
          "enforces",
      ).helpGroup(STORAGE),
    )
    .addOption(
      cacheDirOption("the cache to check").helpGroup(STORAGE),
    )
    .addArgument(new Argument("[command...]", "for --permissions: a command with its options"))
    .addOption(
      new Option(
        "--permissions",
        "only print what the command after it may read, write and connect to; it is not run",
      ).helpGroup(STORAGE),
    )
    .addHelpText(
      "after",
      `
Every check is independent and may take 20 seconds. The exit code is 0 without errors, also with
warnings; else that of the error to solve first: 2 (a setting), 5 (the network), 4 (credentials or
permissions), 3 (no such bucket), 1.

Examples:
  run-outputs doctor
  run-outputs doctor --bucket lab-artifacts --endpoint-url https://s3.lab.example --write-test
  run-outputs doctor --staging-dir ./staging --json
  run-outputs doctor --server http://lab:8080
  run-outputs doctor --permissions fetch --run-id 12345 --output-dir ./artifacts`,
    );
  return withReadOptions(command).action(async (words: string[], options: DoctorCommandOptions) => {
    const { io } = context;
    const output = new Output(io, options);
    if (options.permissions) return await showPermissions(words, context, output);
    if (words.length > 0) {
      throw new RunOutputsError(
        "invalid",
        `Unexpected argument '${words[0]}': 'doctor --permissions ${words[0]}' shows permissions`,
      );
    }
    const signal = context.interruption();
    rejectUnfit(options);
    noteUnused(options, io, output);
    await using checks = await checksOf(options, io, output);
    const { runChecks, worstCode, worstStatus } = await import("../../operations/doctor/check.ts");
    const findings = await runChecks(checks.list, { signal });
    const status = worstStatus(findings);
    const exitCode = exitCodeFor(worstCode(findings));
    output.result(
      () => ({
        schema: "run-outputs.doctor/1",
        status,
        exit_code: exitCode,
        checks: findings.map((
          { check, status, message, advice, code, details },
        ) => ({ check, status, message, advice, code, details })),
      }),
      () => lines(findings, output),
    );
    context.setExitCode(exitCode);
  });
}

/** Prints the grants of a command line. */
async function showPermissions(
  words: readonly string[],
  context: Context,
  output: Output,
): Promise<void> {
  if (words.length === 0 || words[0].startsWith("-")) {
    throw new RunOutputsError(
      "invalid",
      "Missing command after --permissions, as in 'doctor --permissions list --run-id 12345'; " +
        "options of doctor go before --permissions",
    );
  }
  const line = await context.parse!(words);
  const { fencingOf } = await import("../fence/facts.ts");
  const { grantLines } = await import("../fence/grants.ts");
  const { noFence } = await import("../fence/fence.ts");
  const fencing = await fencingOf(line, {
    env: (name) => context.io.env(name) || undefined,
    mainModule: Deno.mainModule,
  });
  const reason = "unfenced" in fencing ? fencing.unfenced : await noFence(context.io.env);
  output.result(
    () => ({
      schema: "run-outputs.permissions/1",
      command: line.command,
      narrowed: reason === undefined,
      reason,
      grants: "grants" in fencing ? fencing.grants : [],
    }),
    () => [
      ...reason === undefined ? [] : [`all permissions of this process: ${reason}`],
      ..."grants" in fencing ? grantLines(fencing.grants, Infinity) : [],
    ],
  );
}

function rejectUnfit(options: DoctorCommandOptions): void {
  rejectTwoPlaces(options);
  const unfit = options.server !== undefined && options.writeTest
    ? "--write-test with --server: a service is only read"
    : options.stagingDir !== undefined && options.bucket !== undefined
    ? "--bucket with --staging-dir: choose one"
    : undefined;
  if (unfit !== undefined) throw new RunOutputsError("invalid", `Cannot use ${unfit}`);
}

/** All checks of a command line. */
async function checksOf(
  options: DoctorCommandOptions,
  io: Io,
  output: Output,
): Promise<{ readonly list: readonly Check[] } & AsyncDisposable> {
  const { s3Checks } = await import("../../operations/doctor/s3_checks.ts");
  const { serviceChecks } = await import("../../operations/doctor/service_checks.ts");
  const { githubCheck } = await import("../../operations/doctor/github_check.ts");
  const { directoryCheck, diskCheck, stagingCheck } = await import(
    "../../operations/doctor/directory_checks.ts"
  );
  const { permissionsCheck, programCheck } = await import(
    "../../operations/doctor/process_checks.ts"
  );
  const env = (name: string) => io.env(name) || undefined;
  const now = Date.now;
  const { writeTest = false, server } = options;
  const staging = stagingDirOf(options, io);
  const cache = cacheDirOf(options, io);
  const service = server === undefined
    ? undefined
    : serviceChecks(await serviceToCheck({ ...options, server }, io));
  const s3 = staging === undefined && service === undefined
    ? s3Checks({
      options: s3BackendOptions(options, io),
      bucket: bucketOf(options, io, output),
      writeTest,
      now,
    })
    : undefined;
  const list = [
    programCheck(config.version),
    permissionsCheck(),
    ...service ?? s3?.checks ?? [stagingCheck(staging!, writeTest)],
    githubCheck({ env, now, isNeeded: s3 !== undefined || options.repo !== undefined }),
    directoryCheck({
      name: "cache",
      path: cache,
      without: "archives and GitHub's responses are not cached: give --cache-dir, or set HOME, " +
        "XDG_CACHE_HOME or RUN_OUTPUTS_CACHE_DIR",
    }),
    directoryCheck({
      name: "state",
      path: uploadJournals(io),
      without: "interrupted uploads start again instead of resuming: set HOME or XDG_STATE_HOME",
    }),
    diskCheck([".", ...[staging, cache].filter((path) => path !== undefined)]),
  ];
  return { list, [Symbol.asyncDispose]: async () => await s3?.[Symbol.asyncDispose]() };
}

/** The bucket of the run, or of any run: its id and platform do not matter. */
function bucketOf(options: DoctorCommandOptions, io: Io, output: Output): string {
  const platform = options.platform ?? (options.runId === undefined ? "linux" : undefined);
  const purpose = { reading: true, changing: options.writeTest, onDisk: true };
  return runRoot({ ...options, platform }, purpose, io, output).bucket;
}

function exitCodeFor(code: ErrorCode | undefined): number {
  return code === undefined ? EXIT.done : exitCodeOf(new RunOutputsError(code, ""));
}

const COLORS = { ok: "green", warning: "yellow", error: "red" } as const;

function* lines(findings: readonly Finding[], output: Output): Generator<string> {
  // Aligned before they get colours, which have a length, too.
  const rows = columns(
    findings.map(({ status, check, message, advice }) => [
      status,
      check,
      advice === undefined ? message : `${message}; ${advice}`,
    ]),
  );
  for (const [index, row] of rows.entries()) {
    const { status } = findings[index];
    yield output.paint(status, COLORS[status]) + row.slice(status.length);
  }
}
