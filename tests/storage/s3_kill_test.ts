import { memoryS3 } from "../support/s3_subject.ts";
import { killSuite } from "./kill_suite.ts";

// The server in this process does not list uploads: that an upload is continued, and that none is
// left, is tested on Ceph.
killSuite("s3", () => memoryS3(), { size: 24_000_000, times: 3, partSize: 5 * 1024 ** 2 });
