/** `run-outputs stale-uploads`, in process: what it refuses, and what fails. The rest is in the suite. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CreateMultipartUploadCommand, S3Client } from "@aws-sdk/client-s3";
import { parseDocument, refused, run, runs } from "../../support/command_line.ts";
import { noise } from "../../support/bytes.ts";
import { startFaultProxy } from "../../support/fault_proxy.ts";
import { startS3Server } from "../../support/s3_server.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const ARGS = ["stale-uploads", "--run-id", "7", "--platform", "linux", "--bucket", "suite"];
const KEYS = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };

Deno.test("stale-uploads: a local directory is a usage error", async () => {
  await refused([...ARGS, "--staging-dir", "here"], ["'here' (--staging-dir)", "only S3"]);
  await refused(ARGS, ["'here' ($THEROCK_LOCAL_STAGING_DIR)", "unset it"], {
    env: { THEROCK_LOCAL_STAGING_DIR: "here" },
  });
});

for (const value of ["24", "h", "1.5h", "-1h", "1x", "24 h", "1h30m", "9999999d"]) {
  Deno.test(`stale-uploads: --older-than '${value}' is rejected in one line`, async () => {
    await refused([...ARGS, "--older-than", value], ["--older-than", `'${value}'`, "90m, 24h, 7d"]);
  });
}

Deno.test("stale-uploads: --abort without credentials exits with 4, without a prompt", async () => {
  await using server = await startS3Server();
  const env = { ...KEYS, AWS_ENDPOINT_URL_S3: server.url };
  for (const more of [[], ["--dry-run"]]) {
    await refused([...ARGS, "--abort", "--no-sign-request", ...more], [
      "delete uploads under 's3://suite/7-linux'",
      "--no-sign-request",
    ], { env, code: 4 });
  }
  assert.deepEqual(server.requests, []);
});

Deno.test("stale-uploads: failures to abort are reported, and the exit code is 7", async () => {
  await using server = await startS3Server();
  await using proxy = startFaultProxy(server.url);
  const client = new S3Client({
    endpoint: server.url,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId: "key", secretAccessKey: "secret" },
  });
  for (const Key of ["7-linux/a", "7-linux/b", "7-linux/c"]) {
    await client.send(new CreateMultipartUploadCommand({ Bucket: "suite", Key }));
  }
  client.destroy();
  const env = { ...KEYS, AWS_ENDPOINT_URL_S3: proxy.url, AWS_MAX_ATTEMPTS: "1" };
  const args = [...ARGS, "--older-than", "0s", "--abort"];
  const fault = { kind: "status", status: 503 } as const;
  const isDelete = (method: string) => method === "DELETE";

  proxy.set({ when: (method, path) => isDelete(method) && path.includes("/b?"), fault });
  const { out, err } = await runs(7, args, env);
  assert.match(
    err,
    /^warning: [^\n]*7-linux\/b is left on the server[^\n]*too many requests[^\n]*\n$/,
  );
  assert.match(out, /^failed .* b$/m);
  assert.match(out, /^3 unfinished uploads, 0 B, 2 deleted, 1 failed, older than 0s/m);

  proxy.set({ when: isDelete, fault, times: Infinity });
  const again = await run([...args, "--json"], env);
  assert.equal(again.code, 7, again.err);
  const { uploads } = parseDocument(again.out);
  assert.deepEqual(uploads.map((u: { key: string; outcome: string }) => [u.key, u.outcome]), [
    ["7-linux/b", "failed"],
  ]);

  proxy.set();
  assert.match((await runs(0, args, env)).out, /1 deleted/);
});

Deno.test("upload: if parts stay on the server, a message says what to do", async () => {
  await using server = await startS3Server();
  await using proxy = startFaultProxy(server.url);
  await using temp = await tempDir();
  await writeTree(temp.path, { "in/big.log": noise(20 * 1024 * 1024) });
  const args = ["upload", "files", join(temp.path, "in"), "--to", "logs", ...ARGS.slice(1)];
  const without = { ...KEYS, AWS_ENDPOINT_URL_S3: proxy.url, AWS_MAX_ATTEMPTS: "1" };
  const env = { ...without, XDG_STATE_HOME: temp.path };
  const fault = { kind: "status", status: 503 } as const;
  const fails = (method: string, path: string) =>
    method === "DELETE" || path.includes("partNumber=2");

  for (const [journal, continues] of [[without, false], [env, true]] as const) {
    proxy.set({ when: fails, fault, times: Infinity });
    const { err } = await run([...args, "--part-size", "5"], journal);
    const [notice] = err.match(/^warning: An unfinished upload of .*$/m) ?? [""];
    assert.match(notice, /is left on the server.*'run-outputs stale-uploads --abort/);
    assert.equal(notice.includes("run the same command again to resume it"), continues, err);
  }
  proxy.set();
  assert.match(
    (await runs(0, [...args, "--part-size", "5", "-v"], env)).out,
    /^written .* logs\/big\.log$/m,
  );
});
