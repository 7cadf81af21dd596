/** Runs are copied, exported and imported, on Ceph. */

import { copySuite } from "../e2e/copy_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";
import { s3Target } from "../support/s3_target.ts";

if (realServer() !== undefined) {
  copySuite("ceph", async () => {
    const subject = await realS3();
    return await s3Target(subject.url, subject.bucket, subject);
  });
}
