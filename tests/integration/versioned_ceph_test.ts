/** Versioned buckets of Ceph: it rejects each write with `If-Match`, though the ETag is the current one. */

import assert from "node:assert/strict";
import {
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
} from "@aws-sdk/client-s3";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { collect, noise } from "../support/bytes.ts";
import { runs } from "../support/command_line.ts";
import { rejectsWith } from "../support/errors.ts";
import { otherClient, realS3, realServer, s3Env } from "../support/s3_subject.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

/** A bucket on the real server that keeps all versions. */
async function versioned() {
  const notices: string[] = [];
  const parts = { partSize: 5 * 1024 ** 2, multipartThreshold: 5 * 1024 ** 2 };
  const subject = await realS3({ ...parts, onNotice: (line) => notices.push(line) });
  const client = otherClient(subject.url);
  const { bucket: Bucket } = subject;
  await client.send(
    new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }),
  );
  return {
    ...subject,
    notices,
    async [Symbol.asyncDispose]() {
      const { Versions = [], DeleteMarkers = [] } = await client.send(
        new ListObjectVersionsCommand({ Bucket }),
      );
      for (const { Key, VersionId } of [...Versions, ...DeleteMarkers]) {
        await client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }));
      }
      client.destroy();
      await subject[Symbol.asyncDispose]();
    },
  };
}

if (realServer() !== undefined) {
  Deno.test("ceph, a versioned bucket: a write with the current ETag goes through, with one notice", async () => {
    await using w = await versioned();
    const at = new OutputLocation(w.bucket, "1-linux/a");
    for (const bytes of [noise(1000), noise(6 * 1024 ** 2)]) {
      const { etag } = await w.backend.write(at, bytesSource("old"));
      await w.backend.write(at, bytesSource(bytes), { ifMatch: etag });
      await using body = await w.backend.read(at);
      assert.deepEqual(await collect(body), bytes);
      await rejectsWith(w.backend.write(at, bytesSource("x"), { ifMatch: etag }), "conflict");
    }
    const about = w.notices.filter((line) => line.includes("If-Match"));
    assert.equal(about.length, 1, w.notices.join("\n"));
  });

  Deno.test("ceph, a versioned bucket: the second job of a run writes the shared files too", async () => {
    await using w = await versioned();
    await using dir = await tempDir();
    await writeTree(dir.path, { "one/a.log": "a", "two/b.log": "b" });
    const run = ["--run-id", "7", "--platform", "linux", "--bucket", w.bucket];
    const env = s3Env(w.url);
    for (const job of ["one", "two"]) {
      const expect = ["--part", job, "--expect-parts", job];
      await runs(
        0,
        ["upload", "files", `${dir.path}/${job}`, "--to", "logs", ...run, ...expect],
        env,
      );
    }
    await runs(0, ["verify", ...run], env);
    const list = new OutputLocation(w.bucket, "7-linux/manifests/outputs/expected.json");
    await using expected = await w.backend.read(list);
    const { parts } = JSON.parse(new TextDecoder().decode(await collect(expected)));
    assert.deepEqual(parts, ["one", "two"]);
    await using body = await w.backend.read(
      new OutputLocation(w.bucket, "7-linux/logs/index.html"),
    );
    const page = new TextDecoder().decode(await collect(body));
    assert(page.includes(">a.log<") && page.includes(">b.log<"), "both jobs' files are listed");
  });
}
