/** The doctor on a real server, which checks signatures. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { runChecks } from "../../src/operations/doctor/check.ts";
import { s3Checks } from "../../src/operations/doctor/s3_checks.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { realS3, realServer, testOptions } from "../support/s3_subject.ts";

Deno.test({
  name: "doctor on Ceph: what it enforces, and nothing of the probe stays",
  ignore: realServer() === undefined,
  fn: async () => {
    await using subject = await realS3();
    const { backend, bucket, url } = subject;
    await backend.write(new OutputLocation(bucket, "1-linux/a"), bytesSource("a file"));
    const options = testOptions(url);
    await using s3 = s3Checks({ options, bucket, writeTest: true, now: Date.now });
    const found = (await runChecks(s3.checks)).map(({ check, status, message }) =>
      status === "ok" ? check : `${check}: ${message}`
    );
    assert.deepEqual(found, [
      ...["endpoint", "proxy", "certificates", "credentials", "clock", "region", "bucket"],
      ...["ranges", "write", "conditional-writes", "checksums", "multipart-copy"],
    ]);
    const left = await Array.fromAsync(backend.list(new OutputLocation(bucket, "")));
    assert.deepEqual(left.map(({ location }) => location.key), ["1-linux/a"]);
  },
});
