/** Encoded objects of other tools: what a copy can't keep of them is a warning, never silent. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { OutputLocation } from "../../../../src/layout/output_location.ts";
import { putForeign } from "../../../storage/s3/encoded_suite.ts";
import { runs } from "../../../support/command_line.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { tempDir } from "../../../support/temp_dir.ts";

Deno.test("copy, export: a lost Content-Encoding is reported, and the bytes stay encoded", async () => {
  await using server = await startS3Server();
  await using temp = await tempDir();
  const env = {
    AWS_ACCESS_KEY_ID: "key",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_ENDPOINT_URL_S3: server.url,
  };
  const stored = new Uint8Array(gzipSync("hello\n"));
  const put = (name: string, ContentEncoding?: string) =>
    putForeign(server.url, new OutputLocation("suite", `1-linux/logs/g/${name}`), {
      Body: stored,
      ContentType: "text/plain",
      ContentEncoding,
    });
  await put("a.log", "gzip");
  await put("b.log");
  await put("c.log", "aws-chunked");
  const source = ["--source-run-id", "1", "--source-bucket", "suite", "--platform", "linux"];
  const mirror = join(temp.path, "m");
  const { err } = await runs(0, ["copy", ...source, "--to-staging", mirror], env);
  assert.equal(err.match(/^warning: the Content-Encoding of [^\n]*$/gm)?.length, 1, err);
  assert.match(err, /a\.log \("gzip"\) is not copied/);
  assert.deepEqual(
    await Deno.readFile(join(mirror, "1-linux/logs/g/a.log")),
    stored,
  );

  const tar = join(temp.path, "run.tar");
  const at = ["--platform", "linux", "--bucket", "suite"];
  const exported = await runs(0, ["export", tar, "1", ...at], env);
  assert.match(exported.err, /note: the Content-Encoding of [^\n]*a\.log/);
  // The server copies all of it.
  const inside = await runs(0, ["copy", ...source, "--run-id", "2", "--bucket", "suite"], env);
  assert.doesNotMatch(inside.err, /Content-Encoding/);
});
