/**
 * S3 backends for tests: on the server in this process, and on a real one that the environment
 * names.
 *
 * @module
 */

import { CreateBucketCommand, DeleteBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { createS3Backend, type S3Backend } from "../../src/storage/s3/backend.ts";
import type { S3BackendOptions } from "../../src/storage/s3/settings.ts";
import type { Subject } from "../storage/backend_suite.ts";
import { type S3ServerOptions, startS3Server } from "./s3_server.ts";

/** What every test server accepts. */
export const KEYS = { accessKeyId: "TESTACCESSKEY", secretAccessKey: "TESTSECRETKEY0123456789" };

/** The variable that says after how many bytes `transfer_child.ts` kills itself. */
export const LIFE = "RUN_OUTPUTS_TEST_LIFE";

/** The environment of a command that works on a test server. */
export function s3Env(url: string) {
  return {
    AWS_ENDPOINT_URL_S3: url,
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
    AWS_REGION: "us-east-1",
  };
}

/** Options for a server on loopback: nothing of this machine's environment, short pauses. */
export function testOptions(endpointUrl: string, more: S3BackendOptions = {}): S3BackendOptions {
  return {
    endpointUrl,
    region: "us-east-1",
    credentials: () => Promise.resolve(KEYS),
    env: () => undefined,
    retry: { maxAttempts: 5, baseDelay: 5, maxDelay: 2000, maxElapsed: 20_000 },
    stallTimeout: 20_000,
    ...more,
  };
}

/** Another program's client of a test server. */
export function otherClient(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: "us-east-1",
    credentials: KEYS,
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
  });
}

/** A backend on a server of its own in this process. */
export async function memoryS3(
  more: S3BackendOptions = {},
  server: S3ServerOptions = {},
): Promise<Subject & { readonly backend: S3Backend; readonly url: string }> {
  const running = await startS3Server(server);
  const backend = await createS3Backend(testOptions(running.url, more));
  return {
    backend,
    bucket: "suite",
    url: running.url,
    async [Symbol.asyncDispose]() {
      backend[Symbol.dispose]();
      await running[Symbol.asyncDispose]();
    },
  };
}

/** The real server for integration tests, as `tests/integration/ceph_rgw start` prints it. */
export function realServer(): string | undefined {
  return Deno.env.get("RUN_OUTPUTS_TEST_S3");
}

/** A backend on the real server, with a bucket of its own that is gone afterwards. */
export async function realS3(
  more: S3BackendOptions = {},
  bucket = `suite-${crypto.randomUUID()}`,
): Promise<Subject & { readonly backend: S3Backend; readonly url: string }> {
  const url = realServer()!;
  const root = new OutputLocation(bucket, "");
  const client = otherClient(url);
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  const backend = await createS3Backend(testOptions(url, more));
  return {
    backend,
    bucket,
    url,
    async [Symbol.asyncDispose]() {
      for await (const upload of backend.listStaleUploads(root)) {
        await backend.abortStaleUpload(upload);
      }
      for await (const { location } of backend.list(root)) await backend.delete(location);
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      backend[Symbol.dispose]();
      client.destroy();
    },
  };
}
