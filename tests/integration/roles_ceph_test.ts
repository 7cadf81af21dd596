import { rolesSuite } from "../cli/commands/upload/roles_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";

if (realServer() !== undefined) rolesSuite("ceph", () => realS3());
