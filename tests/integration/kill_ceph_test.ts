import { killSuite } from "../storage/s3/kill_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";

if (realServer() !== undefined) {
  killSuite("ceph", () => realS3(), {
    size: Number(Deno.env.get("RUN_OUTPUTS_TEST_KILL_SIZE") ?? 2 * 1024 ** 3),
    times: 20,
    partSize: 8 * 1024 ** 2,
    listsUploads: true,
  });
}
