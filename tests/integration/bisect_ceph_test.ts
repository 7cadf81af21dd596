/** A bisect on Ceph: the same as everywhere. */

import { bisectSuite, onS3 } from "../e2e/bisect_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";

if (realServer() !== undefined) {
  bisectSuite("on Ceph", async () => onS3(await realS3()));
}
