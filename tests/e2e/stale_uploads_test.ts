import assert from "node:assert/strict";
import { startFaultProxy } from "../support/fault_proxy.ts";
import { noise } from "../support/bytes.ts";
import { startS3Server } from "../support/s3_server.ts";
import { tempDir } from "../support/temp_dir.ts";
import { command, start } from "./processes.ts";

const RUN = ["--run-id", "7", "--platform", "linux", "--bucket", "suite"];
const LIST = ["stale-uploads", ...RUN, "--older-than", "0s", "--json"];

Deno.test("what a killed upload leaves is listed, aborted, and does not affect the next one", async () => {
  await using server = await startS3Server();
  await using proxy = startFaultProxy(server.url);
  await using dir = await tempDir();
  const env = {
    AWS_ACCESS_KEY_ID: "key",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_ENDPOINT_URL_S3: proxy.url,
    XDG_STATE_HOME: `${dir.path}/state`,
  };
  const file = `${dir.path}/big.bin`;
  await Deno.writeFile(file, noise(22_000_000));
  const upload = ["upload", "files", file, "--to", "x", ...RUN, "--part-size", "5"];
  const list = async (...more: string[]) => {
    const { code, stdout, stderr } = await command([...LIST, ...more], env);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout).uploads.map(
      (u: { key: string; parts: number; bytes: number; state: string; outcome: string }) => {
        return [u.key, u.parts, u.bytes, u.state, u.outcome];
      },
    );
  };

  // The third part hangs, so that the upload is at work for as long as the test needs.
  proxy.set({
    when: (method, path) => method === "PUT" && /partNumber=[345]/.test(path),
    fault: { kind: "stall", on: "request", at: 0 },
    times: Infinity,
  });
  const process = start(upload, "null", env);
  // The first two parts are there, and all others hang.
  for (;;) {
    const [found] = await list();
    if (found?.[1] === 2 && proxy.count >= 3) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const [begun] = await list("--abort");
  assert.deepEqual(begun, ["7-linux/x/big.bin", 2, 2 * 5 * 1024 ** 2, "active", "active"]);

  process.kill("SIGKILL");
  await process.status;
  proxy.set();
  assert.deepEqual(await list(), [[...begun.slice(0, 3), "resumable", "listed"]]);
  assert.deepEqual(await list("--abort"), [[...begun.slice(0, 3), "resumable", "aborted"]]);
  assert.deepEqual(await list(), []);

  const again = await command(upload, env);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(await list(), []);
});
