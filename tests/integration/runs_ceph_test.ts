/** The operations on retained runs, on Ceph. */

import { historySuite } from "../operations/retained/history_suite.ts";
import { runsSuite } from "../operations/retained/runs_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";

if (realServer() !== undefined) {
  const open = () => realS3({}, "suite");
  runsSuite("ceph", open);
  historySuite("ceph", open, 3);
}
