/** Every upload of a pipeline, on Ceph: the same keys as everywhere. */

import { pipelineSuite } from "../e2e/pipeline_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";
import { s3Target } from "../support/s3_target.ts";

if (realServer() !== undefined) {
  pipelineSuite("ceph", async () => {
    const subject = await realS3();
    return await s3Target(subject.url, subject.bucket, subject);
  });
}
