/** `runs prune` killed on Ceph. */

import { pruneKillSuite } from "../operations/prune/kill_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";

if (realServer() !== undefined) pruneKillSuite("ceph", () => realS3());
