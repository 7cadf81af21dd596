/** Bad input, refused by a server that checks signatures. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { refused } from "../support/command_line.ts";
import { realS3, realServer } from "../support/s3_subject.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const NOBODY = { AWS_ACCESS_KEY_ID: "NOBODY", AWS_SECRET_ACCESS_KEY: "secret" };
const KEYS = {
  AWS_ACCESS_KEY_ID: "TESTACCESSKEY",
  AWS_SECRET_ACCESS_KEY: "TESTSECRETKEY0123456789",
};

const CASES = [
  ["a key that is not known", NOBODY, "", 4, ["access key"]],
  ["a wrong secret key", { ...KEYS, AWS_SECRET_ACCESS_KEY: "x" }, "", 4, ["secret access key"]],
  ["a bucket that does not exist", KEYS, "no-such-bucket", 3, ["no such bucket", "--bucket"]],
] as const;

if (realServer() !== undefined) {
  for (const [title, keys, bucket, code, texts] of CASES) {
    Deno.test(`ceph, bad input: ${title}: one line of each command, exit ${code}`, async () => {
      await using server = await realS3();
      await using dir = await tempDir();
      await writeTree(dir.path, { "in/a.log": "a", "in/b.log": "b" });
      const env = { ...keys, AWS_ENDPOINT_URL_S3: server.url, AWS_REGION: "us-east-1" };
      for (
        const args of [
          ["list"],
          ["fetch", "--output-dir", dir.path],
          ["stale-uploads", "--abort"],
          ["upload", "files", `${dir.path}/in`, "--to", "x"],
        ]
      ) {
        const run = ["--run-id", "7", "--platform", "linux", "--bucket", bucket || server.bucket];
        await refused([...args, ...run], texts, { env, code });
      }
    });
  }

  for (const hours of [1, -1]) {
    Deno.test(`ceph: a request ${hours} h off is signed again with the server's time`, async () => {
      const notices: string[] = [];
      await using server = await realS3({
        clockOffset: hours * 3_600_000,
        onNotice: (message) => notices.push(message),
      });
      const at = (key: string) => new OutputLocation(server.bucket, key);
      await Promise.all(
        ["a", "b", "c"].map((key) => server.backend.write(at(`1/${key}`), bytesSource(key))),
      );
      assert.equal((await Array.fromAsync(server.backend.list(at("1")))).length, 3);
      assert.equal((await server.backend.stat(at("1/a"))).size, 1);
      assert.equal(notices.filter((text) => text.includes("clock")).length, 1);
    });
    Deno.test(`ceph: a look and a list with a clock ${hours} h off come right too`, async () => {
      await using server = await realS3({ clockOffset: hours * 3_600_000 });
      const found = server.backend.list(new OutputLocation(server.bucket, ""));
      assert.deepEqual(await Array.fromAsync(found), []);
      await using other = await realS3({ clockOffset: hours * 3_600_000 });
      const at = new OutputLocation(other.bucket, "1/a");
      await assert.rejects(other.backend.stat(at), /no such object/);
    });
  }
}
