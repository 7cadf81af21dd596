/**
 * `run-outputs path`
 *
 * @module
 */

import { describeRoot } from "../run_root.ts";
import { Argument, Command, Option } from "commander";
import { RunOutputsError } from "../../errors/error.ts";
import { locateKind } from "../../layout/locate_kind.ts";
import { PATH_KINDS } from "../../layout/path_kinds.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import { ON_S3, s3Url } from "../addresses.ts";
import type { Context } from "../context.ts";
import {
  type ReadCommandOptions,
  stagingDir,
  withOutputOptions,
  withRunOptions,
} from "../options.ts";
import { columns, Output } from "../terminal/output.ts";
import { runRoot } from "../run_root.ts";
import { withS3Server } from "../s3_options.ts";
import { stagingDirOf } from "../storage.ts";

const FORMATS = ["s3", "https", "key", "local", "json"] as const;

/** The values of the command's options. */
interface PathCommandOptions extends ReadCommandOptions {
  readonly format: typeof FORMATS[number];
  readonly list?: boolean;
}

/** Builds the command. */
export function pathCommand(context: Context): Command {
  const command = new Command("path")
    .summary("print where one output is")
    .description(
      "Prints where one output of a run is, or would be. Needs no network and no credentials.",
    )
    .addArgument(new Argument("[kind]", "the kind of output, see --list"))
    .addArgument(new Argument("[args...]", "the arguments of the kind: a group, a file name, …"))
    .addOption(
      new Option("--format <name>", "the output format").choices(FORMATS).default("s3"),
    )
    .addOption(new Option("--list", "print all kinds of outputs with their arguments"))
    .addOption(stagingDir("for --format local: the staging directory"))
    .addHelpText(
      "after",
      `
Examples:
  run-outputs path artifact blas_lib_gfx94X-dcgpu.tar.zst --run-id 12345 --platform linux
  run-outputs path log-file gfx94X-dcgpu build.log --run-id 12345 --format https
  run-outputs path manifest gfx94X-dcgpu --run-id 12345 --format local --staging-dir ./staging
  run-outputs path --list`,
    );
  return withOutputOptions(withRunOptions(withS3Server(command))).action(
    async (kind: string | undefined, args: string[], options: PathCommandOptions) => {
      const output = new Output(context.io, {
        ...options,
        json: options.json || options.format === "json",
      });
      if (options.list) return printKinds(output);
      if (kind === undefined) {
        throw new RunOutputsError(
          "invalid",
          "Missing argument KIND: 'path --list' shows the kinds",
        );
      }
      // Report a mistyped kind before a missing run id.
      locateKind(RunOutputRoot.forLocal({ platform: "linux" }), kind, args);
      const dir = stagingDirOf(options, context.io);
      const { format } = options;
      const onDisk = dir !== undefined && format === "local";
      const root = runRoot(options, { reading: true, onDisk }, context.io, output);
      const location = locateKind(root, kind, args);
      if (format === "local" && dir === undefined) {
        throw new RunOutputsError(
          "invalid",
          "Missing directory for --format local: give --staging-dir or set THEROCK_LOCAL_STAGING_DIR",
        );
      }
      const printed = {
        s3: location.s3Uri,
        // Reads ~/.aws, so only where the URL is printed.
        https: output.json || format === "https"
          ? await s3Url(location, options, context.io)
          : undefined,
        key: location.key,
        local: dir === undefined ? undefined : location.localPath(dir),
      };
      output.result(() => ({
        schema: "run-outputs.path/1",
        kind,
        args,
        ...describeRoot(root, ON_S3),
        key: location.key,
        s3_uri: printed.s3,
        https_url: printed.https,
        local_path: printed.local,
      }), () => [(format === "json" ? printed.s3 : printed[format])!]);
    },
  );
}

function printKinds(output: Output): void {
  output.result(
    () => ({
      schema: "run-outputs.path-kinds/1",
      kinds: PATH_KINDS.map(({ name, summary, args, example }) => ({
        name,
        summary,
        args,
        example,
      })),
    }),
    () =>
      columns(PATH_KINDS.map(({ name, summary, args }) => [
        [name, ...args.map(({ name, required }) => required ? `<${name}>` : `[${name}]`)].join(" "),
        summary,
      ])),
  );
}
