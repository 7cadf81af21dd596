/** Objects in S3 whose keys no location can have: each is named, and what lacks them exits with 7. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { run, runJson, runs } from "../../support/command_line.ts";
import { startS3Server } from "../../support/s3_server.ts";
import { putArchives } from "../../support/staging.ts";
import { tempDir } from "../../support/temp_dir.ts";

const KEYS = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };
const ODD = ["3-linux/logs//build.log", "3-linux/weird/", "3-linux/a/../b"];

Deno.test("objects with '//', '..' or '/' at the end of a key: named, and 7 for all", async () => {
  await using server = await startS3Server();
  await using temp = await tempDir();
  const env = { ...KEYS, AWS_ENDPOINT_URL_S3: server.url };
  const client = new S3Client({
    endpoint: server.url,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
  });
  const put = (Key: string, Body: string) =>
    client.send(new PutObjectCommand({ Bucket: "suite", Key, Body }));
  const at = ["--platform", "linux", "--bucket", "suite"];
  await putArchives(join(temp.path, "art"), ["a_lib_generic.tar.zst"]);
  const archives = join(temp.path, "art");
  await runs(0, ["upload", "files", archives, "--to", "x", "--run-id", "3", ...at], env);
  // A folder that the console of S3 makes is no file.
  await put("3-linux/folder/", "");
  await runs(0, ["verify", "--run-id", "3", ...at], env);
  for (const key of ODD) await put(key, "data");
  client.destroy();

  const lines = [
    ["verify", "--run-id", "3", ...at],
    ["verify", "--run-id", "3", "--quick", ...at],
    ["copy", "--source-run-id", "3", "--source-bucket", "suite", "--run-id", "4", ...at],
    [
      ...["copy", "--source-run-id", "3", "--source-bucket", "suite", "--platform", "linux"],
      ...["--to-staging", join(temp.path, "mirror")],
    ],
    ["export", join(temp.path, "run.tar"), "3", ...at],
    ["diff", "3", "4", "--exit-code", ...at],
  ];
  for (const args of lines) {
    const { code, err } = await run(args, env);
    assert.equal(code, 7, `${args.join(" ")}\n${err}`);
    for (const key of ODD) {
      const told = err.split("\n").filter((line) => line.includes(`"${key}"`));
      assert.equal(told.length, 1, `${key} in ${args[0]}:\n${err}`);
    }
    assert.match(err, /all of .*: 3 files skipped, see above/);
  }
  await assert.rejects(Deno.stat(join(temp.path, "run.tar")), Deno.errors.NotFound);
  const document = await runJson(7, ["verify", "--run-id", "3", ...at], env);
  assert.equal(document.passed_over, 3);
  // A selection is not all of it.
  await runs(0, [...lines[2], "x/**"], env);
});
