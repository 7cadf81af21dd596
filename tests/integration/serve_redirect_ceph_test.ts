/**
 * `serve --redirect-to-s3` with programs that others wrote, on Ceph: they follow to a presigned URL
 * and get the exact bytes, and do not send the token on.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { noise, sha256 } from "../support/bytes.ts";
import { hasProgram, runProgram } from "../support/debian.ts";
import { realS3, realServer, s3Env } from "../support/s3_subject.ts";
import { type ServiceProcess, startServing } from "../support/service_process.ts";
import { readTree, tempDir } from "../support/temp_dir.ts";

const PROGRAMS = ["curl", "rclone", "wget"];
const found = await Promise.all(PROGRAMS.map((name) => hasProgram(name)));
const missing = PROGRAMS.filter((_, i) => !found[i]);

const TOKEN = "0123456789abcdef0123456789abcdef";
const AUTHORIZATION = `Authorization: Bearer ${TOKEN}`;
const BIG = noise(5_000_000, 1);
/** What a signature and a `Location` encode in different ways, if they do it wrong. */
const ODD = "gfx942:xnack+ 50% ü & <b>.log";

/** What a client needs. */
interface Case {
  /** The URL of the files of the run, with a final `/`. */
  readonly files: string;
  /** The same of a service that needs no token. */
  readonly open: string;
  /** The URL of S3, without a final `/`. */
  readonly s3: string;
  /** An empty directory. */
  readonly dir: string;
}

/** Downloads to a file; the status, the number of redirects, the bytes, and where from. */
async function curl(...args: string[]): Promise<readonly [string, string]> {
  const format = "%{http_code} %{num_redirects} %{size_download} %{url_effective}";
  const out = await runProgram("curl", ["-sSL", "-H", AUTHORIZATION, "-w", format, ...args]);
  const [numbers, url] = out.split(/ (?=http)/);
  return [numbers, url];
}

const CLIENTS: Readonly<Record<string, (c: Case) => Promise<void>>> = {
  "curl -L downloads the whole file from S3": async ({ files, s3, dir }) => {
    const out = join(dir, "out");
    const [numbers, url] = await curl("-f", "-o", out, `${files}big.bin`);
    assert.equal(numbers, `200 1 ${BIG.length}`);
    assert(url.startsWith(`${s3}/`) && /X-Amz-Signature=/.test(url), url);
    assert.equal(sha256(await Deno.readFile(out)), sha256(BIG));
    const [odd] = await curl("-f", "-o", out, `${files}logs/${encodeURIComponent(ODD)}`);
    assert.equal(odd, "200 1 4");
    assert.equal(await Deno.readTextFile(out), "odd\n");
  },
  "curl -L -r downloads a range": async ({ files, dir }) => {
    const out = join(dir, "out");
    for (
      const [range, bytes] of [
        ["0-99", BIG.slice(0, 100)],
        ["-5", BIG.slice(-5)],
        ["4999990-", BIG.slice(4_999_990)],
      ] as const
    ) {
      const [numbers] = await curl("-f", "-r", range, "-o", out, `${files}big.bin`);
      assert.equal(numbers, `206 1 ${bytes.length}`);
      assert.deepEqual(await Deno.readFile(out), bytes);
    }
  },
  "curl -L -C - continues": async ({ files, dir }) => {
    const out = join(dir, "out");
    await Deno.writeFile(out, BIG.subarray(0, 1_234_567));
    const [numbers] = await curl("-f", "-C", "-", "-o", out, `${files}big.bin`);
    assert.equal(numbers, `206 1 ${BIG.length - 1_234_567}`);
    assert.equal(sha256(await Deno.readFile(out)), sha256(BIG));
  },
  "curl -L does not send the token to S3": async ({ files, dir }) => {
    const { stderr } = await new Deno.Command("curl", {
      args: ["-sSfLv", "-H", AUTHORIZATION, "-o", join(dir, "out"), `${files}big.bin`],
    }).output();
    const requests = new TextDecoder().decode(stderr).split(/^(?=> GET )/m).slice(1);
    assert.deepEqual(requests.map((text) => /^> authorization:/im.test(text)), [true, false]);
  },
  "curl without -L gets nothing but the address": async ({ files, dir }) => {
    const out = join(dir, "out");
    await runProgram("curl", ["-sSf", "-H", AUTHORIZATION, "-o", out, `${files}big.bin`]);
    assert.equal(await Deno.readTextFile(out).catch(() => ""), "");
  },
  "rclone copies the whole run": async ({ files, dir }) => {
    const config = ["--config", join(dir, "none"), "--http-url", files];
    const header = ["--http-headers", `Authorization,Bearer ${TOKEN}`];
    await runProgram("rclone", [...config, ...header, "copy", ":http:", join(dir, "copy")]);
    const copy = await readTree(join(dir, "copy"));
    assert.deepEqual(Object.keys(copy), ["big.bin", `logs/${ODD}`, "report.html"]);
    assert.equal(sha256(await Deno.readFile(join(dir, "copy/big.bin"))), sha256(BIG));
  },
  "wget -c continues, from a service without a token": async ({ open, dir }) => {
    const out = join(dir, "big.bin");
    await Deno.writeFile(out, BIG.subarray(0, 1_234_567));
    await runProgram("wget", ["-q", "-c", "-P", dir, `${open}big.bin`]);
    assert.equal(sha256(await Deno.readFile(out)), sha256(BIG));
  },
};

if (realServer() !== undefined) {
  Deno.test({
    name: "serve --redirect-to-s3 on Ceph, foreign clients",
    ignore: missing.length > 0,
    fn: async (t) => {
      await using subject = await realS3();
      const { backend, bucket, url: s3 } = subject;
      const put = (path: string, text: string | Uint8Array<ArrayBuffer>) =>
        backend.write(
          new OutputLocation(bucket, `123-linux/${path}`),
          bytesSource(text),
        );
      await put("big.bin", BIG);
      await put(`logs/${ODD}`, "odd\n");
      await put("report.html", "<p>ok</p>\n");
      await using temp = await tempDir();
      const token = join(temp.path, "token");
      await Deno.writeTextFile(token, TOKEN, { mode: 0o600 });
      const place = ["--bucket", bucket, "--port", "0", "--redirect-to-s3"];
      const how = { env: s3Env(s3) };
      await using service = await startServing([...place, "--token-file", token], how);
      await using open = await startServing(place, how);
      const filesOf = ({ url }: ServiceProcess) => `${url}retained-runs/123-linux/files/`;
      for (const [name, use] of Object.entries(CLIENTS)) {
        await t.step(name, async () => {
          await using empty = await tempDir();
          await use({ files: filesOf(service), open: filesOf(open), s3, dir: empty.path });
        });
      }
    },
  });
}
