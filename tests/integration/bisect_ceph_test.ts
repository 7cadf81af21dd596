/** A bisect on Ceph: the same as everywhere. */

import { bisectSuite } from "../e2e/bisect_suite.ts";
import { KEYS, realS3, realServer } from "../support/s3_subject.ts";

if (realServer() !== undefined) {
  bisectSuite("on Ceph", async () => {
    const subject = await realS3();
    return {
      backend: subject.backend,
      bucket: subject.bucket,
      args: ["--bucket", subject.bucket],
      env: {
        AWS_ENDPOINT_URL_S3: subject.url,
        AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
        AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
        AWS_REGION: "us-east-1",
      },
      [Symbol.asyncDispose]: () => subject[Symbol.asyncDispose](),
    };
  });
}
