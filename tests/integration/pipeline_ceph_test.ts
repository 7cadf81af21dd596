/** Every upload of a pipeline, on Ceph: the same keys as everywhere. */

import assert from "node:assert/strict";
import { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import { runSubject } from "../../src/operations/index_pages/subjects.ts";
import { writeIndexPages } from "../../src/operations/index_pages/write_pages.ts";
import { textItem, upload } from "../../src/storage/transfer/upload.ts";
import { collect } from "../support/bytes.ts";
import { pipelineSuite } from "../e2e/pipeline_suite.ts";
import { realS3, realServer } from "../support/s3_subject.ts";
import { s3Target } from "../support/s3_target.ts";

if (realServer() !== undefined) {
  pipelineSuite("ceph", async () => {
    const subject = await realS3();
    return await s3Target(subject.url, subject.bucket, subject);
  });

  Deno.test("ceph: index pages of concurrent jobs have all rows", async () => {
    await using subject = await realS3();
    const { backend, bucket } = subject;
    const root = new RunOutputRoot({ bucket, externalRepo: "", runId: "1", platform: "linux" });
    const jobs = Array.from({ length: 8 }, (_, i) => `job${i}.log`);
    await Promise.all(jobs.map(async (name) => {
      const uploaded = await upload(backend, [textItem(root.logFile("g", name), name, name)]);
      const { results } = await writeIndexPages(backend, runSubject(root), { uploaded });
      assert(results.every(({ outcome }) => outcome !== "failed"), JSON.stringify(results));
    }));
    await using body = await backend.read(root.logIndex("g"));
    const html = new TextDecoder().decode(await collect(body));
    for (const name of jobs) assert(html.includes(`>${name}</a>`), `${name} is lost`);
  });
}
