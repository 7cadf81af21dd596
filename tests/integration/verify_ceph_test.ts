/** Verification, repair and comparison of runs on Ceph. */

import { verifySuite } from "../operations/verify/suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";

if (realServer() !== undefined) verifySuite("ceph", () => realS3());
