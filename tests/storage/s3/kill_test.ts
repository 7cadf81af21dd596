import { cases } from "../../support/cases.ts";
import { memoryS3 } from "../../support/s3_subject.ts";
import { killSuite, repairSuite } from "./kill_suite.ts";

killSuite("s3", () => memoryS3(), {
  size: 24_000_000,
  times: cases(3, 2),
  partSize: 5 * 1024 ** 2,
  listsUploads: true,
});

repairSuite("s3", () => memoryS3(), 5 * 1024 ** 2);
