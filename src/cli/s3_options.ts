/**
 * The options for S3 that commands share.
 *
 * @module
 */

import { type Command, Option } from "commander";
import type { S3BackendOptions } from "../storage/s3/settings.ts";

/** The heading of the options for S3. */
export const S3 = "Options for S3 (the AWS SDK's environment variables and ~/.aws also apply):";

/** The values of the options for S3. */
export interface S3Options extends S3WriteOptions {
  readonly endpointUrl?: string;
  readonly region?: string;
  readonly profile?: string;
  /** `false` with `--no-sign-request`. */
  readonly signRequest?: boolean;
  readonly requestPayer?: S3BackendOptions["requestPayer"];
  readonly partSize?: number;
}

/** The values of the options for objects that are created on S3. */
export type S3WriteOptions = Pick<S3BackendOptions, "sse" | "sseKmsKeyId" | "acl">;

/** The options for objects that are created on S3, by the names of their values. */
export const S3_WRITE = [
  ["sse", "--sse"],
  ["sseKmsKeyId", "--sse-kms-key-id"],
  ["acl", "--acl"],
] as const;

// The driver has the same lists. It is loaded only when a command needs it.
const ENCRYPTIONS: NonNullable<S3WriteOptions["sse"]>[] = ["AES256", "aws:kms", "aws:kms:dsse"];
const ACLS: NonNullable<S3WriteOptions["acl"]>[] = [
  "private",
  "public-read",
  "public-read-write",
  "authenticated-read",
  "aws-exec-read",
  "bucket-owner-read",
  "bucket-owner-full-control",
];

/** Adds the options for S3. */
export function withS3Options(command: Command): Command {
  return withS3Server(command)
    .addOption(
      new Option("--no-sign-request", "read public objects without credentials").helpGroup(S3),
    )
    .addOption(
      new Option(
        "--request-payer <payer>",
        "your account pays for the requests, in buckets with Requester Pays",
      ).choices(["requester"]).helpGroup(S3),
    );
}

/** Adds the options that say which S3 server is meant. */
export function withS3Server(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--endpoint-url <url>",
        "the S3 server (default: $AWS_ENDPOINT_URL_S3, else Amazon)",
      ).helpGroup(S3),
    )
    .addOption(
      new Option("--region <name>", "the region (default: $AWS_REGION, else us-east-2)").helpGroup(
        S3,
      ),
    )
    .addOption(
      new Option("--profile <name>", "a profile in ~/.aws/config (default: $AWS_PROFILE)")
        .helpGroup(S3),
    );
}

/**
 * Adds the options for objects that are created on S3.
 *
 * @param command The command.
 * @param which Which objects, for the help.
 * @returns The command.
 */
export function withS3WriteOptions(command: Command, which = "new objects"): Command {
  return command
    .addOption(
      new Option("--sse <name>", `encrypt ${which} on the server (default: as the bucket says)`)
        .choices(ENCRYPTIONS).helpGroup(S3),
    )
    .addOption(
      new Option("--sse-kms-key-id <key>", "the key for --sse aws:kms or aws:kms:dsse")
        .helpGroup(S3),
    )
    .addOption(
      new Option("--acl <name>", `give ${which} this ACL (default: as the bucket says)`)
        .choices(ACLS).helpGroup(S3),
    );
}
