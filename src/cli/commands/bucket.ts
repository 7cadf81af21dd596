/**
 * `run-outputs bucket`
 *
 * @module
 */

import { withRunArgument } from "../run_argument.ts";
import { Command } from "commander";
import { setOutputs } from "../../github/job_files.ts";
import { bucketInfo, HOME_REGION } from "../../layout/bucket_inventory.ts";
import { NEWEST_BUCKET_RULES } from "../../layout/buckets.ts";
import { isForkEvent } from "../../layout/workflow_run.ts";
import { ON_S3 } from "../addresses.ts";
import type { Context } from "../context.ts";
import { withOutputOptions, withRunNameOptions } from "../options.ts";
import { describeRoot, type RunOptions, runRoot } from "../run_root.ts";
import { stagingDirOf } from "../storage.ts";
import type { Io } from "../terminal/io.ts";
import { Output, type OutputOptions } from "../terminal/output.ts";

/** The values of the command's options. */
interface BucketCommandOptions extends RunOptions, OutputOptions {}

/** Builds the command. */
export function bucketCommand(context: Context): Command {
  const command = new Command("bucket")
    .summary("print the bucket, region and IAM role for uploads to a run")
    .description(
      "Prints the bucket that uploads to a run use, the IAM role that this job assumes for them, the " +
        "region and the run's prefix. Needs no network and no credentials. In a GitHub Actions job " +
        "they become outputs of the step, too: bucket, iam_role, aws_region and prefix.",
    )
    .addHelpText(
      "after",
      `
The role is empty if there is none to assume: for a pull request of a fork, which uses the
credentials of its runner, and for buckets that no workflow writes to.

Examples:
  run-outputs bucket --run-id 12345
  run-outputs bucket --run-id 12345 --platform linux --release-type nightly
  run-outputs bucket --run-id 12345 --repo ROCm/rocm-libraries --json`,
    );
  return withOutputOptions(withRunNameOptions(withRunArgument(command))).action(
    async (_run, options: BucketCommandOptions) => {
      const { io } = context;
      const output = new Output(io, options);
      const onDisk = stagingDirOf({}, io) !== undefined;
      const root = runRoot(options, { reading: false, onDisk }, io, output);
      const info = bucketInfo(root.bucket);
      const values = {
        bucket: root.bucket,
        iam_role: roleFor(info?.role ?? "", io, output),
        aws_region: info?.region ?? regionOf(root.bucket, io, output),
        prefix: root.prefix,
      };
      await setOutputs(values, { githubOutput: io.env("GITHUB_OUTPUT") || undefined });
      output.result(
        () => ({ schema: "run-outputs.bucket/1", ...describeRoot(root, ON_S3), ...values }),
        () => Object.entries(values).map(([name, value]) => `${name}=${value}`),
      );
    },
  );
}

/** The role that this job can assume. It is this job that writes, whichever run it writes to. */
function roleFor(role: string, io: Io, output: Output): string {
  const env = {
    GITHUB_EVENT_NAME: io.env("GITHUB_EVENT_NAME"),
    GITHUB_EVENT_PATH: io.env("GITHUB_EVENT_PATH"),
  };
  if (role === "" || !isForkEvent(env, NEWEST_BUCKET_RULES, Deno.readTextFileSync)) return role;
  output.explain(`no role: this job runs for a fork's pull request, which cannot assume ${role}`);
  return "";
}

/** The region of a bucket that is not one of the system's: the one that an upload would use. */
function regionOf(bucket: string, io: Io, output: Output): string {
  const region = io.env("AWS_REGION") || io.env("AWS_DEFAULT_REGION") || HOME_REGION;
  output.note(
    `bucket ${bucket} is not a known bucket: no role, and the region of $AWS_REGION, else ${HOME_REGION}`,
  );
  return region;
}
