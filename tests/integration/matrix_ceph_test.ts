/** Ten jobs of one matrix at once, on Ceph. */

import { matrixSuite } from "../e2e/matrix_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";
import { s3Target } from "../support/s3_target.ts";

if (realServer() !== undefined) {
  matrixSuite("ceph", async () => {
    const subject = await realS3();
    return await s3Target(subject.url, subject.bucket, subject);
  });
}
