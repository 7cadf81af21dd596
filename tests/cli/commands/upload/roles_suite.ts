/**
 * Uploads by roles with as little as they need.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../../src/layout/output_location.ts";
import type { S3Backend } from "../../../../src/storage/s3/backend.ts";
import { collect } from "../../../support/bytes.ts";
import { run, runs } from "../../../support/command_line.ts";
import { noListBucket, type Oddity, putOnly, startOddServer } from "../../../support/odd_server.ts";
import { deb } from "../../../support/package_builder.ts";
import { s3Env } from "../../../support/s3_subject.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";
import type { Subject } from "../../../storage/backend_suite.ts";

const ROLES = { "GetObject and PutObject": noListBucket, "PutObject alone": putOnly };

/** A server to put another one in front of that knows roles. */
type OpenServer = () => Promise<Subject & { readonly backend: S3Backend; readonly url: string }>;

/** Registers the tests on a server. */
export function rolesSuite(name: string, open: OpenServer): void {
  async function world(oddity: Oddity) {
    const stack = new AsyncDisposableStack();
    const dir = stack.use(await tempDir());
    const s3 = stack.use(await open());
    const front = stack.use(startOddServer(s3.url, oddity));
    const { backend, bucket } = s3;
    const run = ["--run-id", "7", "--platform", "linux", "--bucket", bucket];
    await writeTree(dir.path, { "in/a.log": "a\n", "in/b.log": "b\n" });
    return {
      dir: dir.path,
      env: s3Env(front.url),
      all: s3Env(s3.url),
      run,
      upload: ["upload", "files", join(dir.path, "in"), "--to", "logs", ...run],
      keys: async () => {
        const found = await Array.fromAsync(backend.list(new OutputLocation(bucket, "7-linux")));
        return found.map(({ location }) => location.name).sort();
      },
      read: async (path: string) => {
        await using body = await backend.read(new OutputLocation(bucket, `7-linux/${path}`));
        return new TextDecoder().decode(await collect(body));
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  }

  for (const [role, oddity] of Object.entries(ROLES)) {
    Deno.test(`${name}, upload, ${role}: done without an index, with one note, and again`, async () => {
      await using w = await world(oddity);
      for (const content of ["a\n", "a\n", "new\n"]) {
        await writeTree(w.dir, { "in/a.log": content });
        const { err } = await runs(0, [...w.upload, "--no-index"], w.env);
        const notes = err.split("\n").filter((line) => line.includes("not checked what is"));
        assert.equal(notes.length, 1, err);
        assert.match(notes[0], /s3:GetObject.*s3:ListBucket/);
        // Whoever may read finds a whole run.
        await runs(0, ["verify", ...w.run], w.all);
      }
      assert((await w.keys()).includes("a.log"));
    });

    Deno.test(`${name}, upload, ${role}: index pages name the permission to list, and the way without`, async () => {
      await using w = await world(oddity);
      const { err } = await runs(7, w.upload, w.env);
      assert.match(err, /s3:ListBucket.*--no-index/);
      assert((await w.keys()).includes("a.log"), "the files are there all the same");
    });

    for (const ifExists of ["skip", "fail"]) {
      Deno.test(`${name}, upload, ${role}: --if-exists ${ifExists} needs to look, and says so`, async () => {
        await using w = await world(oddity);
        const { code, err } = await run(
          [...w.upload, "--no-index", "--if-exists", ifExists],
          w.env,
        );
        assert.equal(code, 4, err);
        assert.match(err, /access denied.*s3:GetObject.*s3:ListBucket/);
      });
    }
  }

  Deno.test(`${name}, upload, GetObject and PutObject: what was there is compared, as far as it can be read`, async () => {
    await using w = await world(noListBucket);
    await runs(0, [...w.upload, "--no-index"], w.all);
    await writeTree(w.dir, { "in/a.log": "new\n" });
    const { err, out } = await runs(0, [...w.upload, "--no-index"], w.env);
    assert.match(err, /a\.log replaced \(content changed/);
    assert.match(out, /unchanged/);
  });

  Deno.test(`${name}, upload, PutObject alone: what other jobs put into shared lists is not replaced unread`, async () => {
    await using w = await world(putOnly);
    await writeTree(w.dir, { "other/b.deb": deb("rocm-b"), "own/a.deb": deb("rocm-a") });
    const packages = (
      dir: string,
    ) => ["upload", "packages", join(w.dir, dir), "--pkg-type", "deb", "--no-index", ...w.run];
    const expect = (part: string) => [...w.upload, "--no-index", "--expect-parts", part];
    await runs(0, packages("other"), w.all);
    await runs(0, expect("other"), w.all);
    for (const args of [packages("own"), expect("own")]) {
      const { code, err } = await run(args, w.env);
      assert.notEqual(code, 0);
      assert.match(err, /access denied; the role needs s3:GetObject/);
    }
    assert.match(await w.read("packages/deb/dists/stable/main/binary-amd64/Packages"), /rocm-b/);
    assert.match(await w.read("manifests/outputs/expected.json"), /"other"/);
  });
}
