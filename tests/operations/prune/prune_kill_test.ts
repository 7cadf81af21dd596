/** `runs prune` killed on a disk and on S3. */

import { STORAGES } from "../../support/retained.ts";
import { memoryS3 } from "../../support/s3_subject.ts";
import { pruneKillSuite } from "./kill_suite.ts";

pruneKillSuite("disk", () => STORAGES.disk());
pruneKillSuite("s3", () => memoryS3());
