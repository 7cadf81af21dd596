/** The addresses of files in JSON documents: those of the storage that holds them, and no others. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { addresses } from "../../src/cli/addresses.ts";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { type Json, runJson, runs } from "../support/command_line.ts";
import { s3Env } from "../support/s3_subject.ts";
import { startS3Server } from "../support/s3_server.ts";
import { putArchives } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";

const RUN = ["--run-id", "3", "--platform", "linux"];
const FILE = "blas_lib_gfx942:a+b.tar.zst";

/** All values of a member, however deep in a document. */
function valuesOf(name: string, document: Json): string[] {
  const found: string[] = [];
  JSON.stringify(document, (key, value) => {
    if (key === name && value !== undefined) found.push(value);
    return value;
  });
  return found;
}

/** What each command that writes or reads files prints about a run, from its upload on. */
async function documents(to: readonly string[], from: readonly string[], env = {}) {
  await using temp = await tempDir();
  const archives = join(temp.path, "art");
  await putArchives(archives, [FILE]);
  const upload = await runJson(0, ["upload", "artifacts", archives, ...RUN, ...to], env);
  return {
    upload,
    list: await runJson(0, ["list", ...RUN, ...from], env),
    fetch: await runJson(0, ["fetch", "--list", ...RUN, ...from], env),
    verify: await runJson(0, ["verify", ...RUN, ...from], env),
    diff: await runJson(0, ["diff", "3", "3", "--platform", "linux", ...from], env),
    index: await runJson(0, ["index", ...RUN, ...from], env),
    export: await runJson(0, ["export", join(temp.path, "e.tar"), "3-linux", ...from], env),
  };
}

Deno.test("addresses of files on another S3 server: its URLs, which can be read", async () => {
  await using server = await startS3Server();
  const where = ["--bucket", "suite"];
  const env = s3Env(server.url);
  const all = await documents(where, where, env);
  for (const [command, document] of Object.entries(all)) {
    assert(!JSON.stringify(document).includes("amazonaws"), command);
    const uris = valuesOf("s3_uri", document);
    assert(uris.length > 0 && uris.every((uri) => /^s3:..suite.3-linux/.test(uri)), command);
    assert.deepEqual(valuesOf("local_path", document), [], command);
  }
  for (const document of [all.upload, all.list, all.index]) {
    const urls = valuesOf("https_url", document);
    assert(urls.length > 0);
    for (const url of urls) {
      assert(url.startsWith(`${server.url}/suite/3-linux/`), url);
      const response = await fetch(url);
      await response.body?.cancel();
      assert.equal(response.status, 200, url);
    }
  }
  const path = ["path", "file", FILE, ...RUN, ...where];
  const listed = all.list.files.find((file: { path: string }) => file.path === FILE);
  const ways: [readonly string[], Record<string, string>][] = [
    [[], env],
    [["--endpoint-url", server.url], {}],
  ];
  for (const [options, variables] of ways) {
    assert.equal(
      (await runs(0, [...path, ...options, "--format", "https"], variables)).out,
      `${listed.https_url}\n`,
    );
    assert.equal((await runJson(0, [...path, ...options], variables)).https_url, listed.https_url);
  }
});

Deno.test("addresses of files in a directory: paths that exist, and no S3 URI or URL", async () => {
  await using temp = await tempDir();
  const all = await documents(["--output-dir", temp.path], ["--staging-dir", temp.path]);
  for (const [command, document] of Object.entries(all)) {
    for (const name of ["s3_uri", "https_url"]) {
      assert.deepEqual(valuesOf(name, document), [], command);
    }
  }
  for (const document of [all.upload, all.list, all.index]) {
    for (const { path, local_path } of document.files) {
      assert.equal(local_path, join(temp.path, "3-linux", path));
      await Deno.stat(local_path);
    }
  }
});

Deno.test("addresses of files of a service: its URLs only", () => {
  const url = ({ key }: OutputLocation) => `http://lab:8080/${key}`;
  const service = { kind: "service", url, show: url } as const;
  assert.deepEqual(addresses(service, new OutputLocation("lab", "3-linux/a")), {
    s3_uri: undefined,
    https_url: "http://lab:8080/3-linux/a",
  });
});
