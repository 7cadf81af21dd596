/** The journal of an upload in parts, as another process finds it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createUpload } from "../../../src/storage/s3/create_upload.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { Session } from "../../../src/storage/s3/session.ts";
import { readSettings } from "../../../src/storage/s3/settings.ts";
import { UploadJournal } from "../../../src/storage/s3/upload_journal.ts";
import { rejectsWith } from "../../support/errors.ts";
import { memoryS3, testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const at = new OutputLocation("suite", "1-linux/a");

Deno.test("UploadJournal: invalid lines are skipped", async () => {
  await using temp = await tempDir();
  await using s3 = await memoryS3();
  using session = new Session(await readSettings(testOptions(s3.url, { journalDir: temp.path })));
  const uploadId = await createUpload(session, at, {}, undefined);
  const identity = { size: 1, partSize: 1, sha256: "", contentType: "", checksums: false };
  {
    using journal = await UploadJournal.open(session, at);
    journal.begin(uploadId, identity);
  }
  const [{ name }] = await Array.fromAsync(Deno.readDir(temp.path));
  await Deno.writeTextFile(join(temp.path, name), 'null\n7\n"x"\n', { append: true });
  using journal = await UploadJournal.open(session, at);
  assert.deepEqual(await journal.resume(identity, undefined), { uploadId, parts: [] });
});

/** How a journal comes to be another user's. */
const FOREIGN: Record<string, (path: string) => Promise<void>> = {
  "others may write to": (path) => Deno.chmod(path, 0o666),
  ...Deno.build.os !== "windows" && Deno.uid() === 0
    ? { "another user owns": (path: string) => Deno.chown(path, 65534, 65534) }
    : {},
};

for (const [what, change] of Object.entries(FOREIGN)) {
  Deno.test({
    name: `UploadJournal: a journal that ${what} is not used`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using temp = await tempDir();
      await using s3 = await memoryS3();
      const notices: string[] = [];
      const onNotice = (text: string) => notices.push(text);
      const journalDir = join(temp.path, "uploads");
      const options = testOptions(s3.url, { journalDir, onNotice });
      using session = new Session(await readSettings(options));
      const uploadId = await createUpload(session, at, {}, undefined);
      const identity = { size: 1, partSize: 1, sha256: "", contentType: "", checksums: false };
      {
        using journal = await UploadJournal.open(session, at);
        journal.begin(uploadId, identity);
      }
      const [{ name }] = await Array.fromAsync(Deno.readDir(journalDir));
      for (const [path, mode] of [[journalDir, 0o700], [join(journalDir, name), 0o600]] as const) {
        assert.equal((await Deno.stat(path)).mode! & 0o777, mode);
      }
      await change(join(journalDir, name));
      using journal = await UploadJournal.open(session, at);
      assert.equal(await journal.resume(identity, undefined), undefined);
      assert.equal(journal.isKept, false);
      assert.equal(notices.length, 1);
      assert.match(notices[0], /another user owns it or may write to it/);
      assert.equal(await UploadJournal.find(session, at, uploadId), undefined);
    },
  });
}

const refuse = () =>
  Promise.resolve(new Response("<Error><Code>AccessDenied</Code></Error>", { status: 403 }));

Deno.test("UploadJournal: an upload that the server does not start leaves no journal", async () => {
  await using temp = await tempDir();
  const options = testOptions("http://127.0.0.1:9", { journalDir: temp.path });
  using backend = await createS3Backend({ ...options, multipartThreshold: 1, fetch: refuse });
  await rejectsWith(backend.write(at, bytesSource("hello")), "denied");
  assert.deepEqual(await Array.fromAsync(Deno.readDir(temp.path)), []);
});

Deno.test("UploadJournal: the journal of an upload on the server is kept if the next one is rejected", async () => {
  await using temp = await tempDir();
  await using s3 = await memoryS3();
  const options = testOptions(s3.url, { journalDir: temp.path });
  using session = new Session(await readSettings(options));
  const uploadId = await createUpload(session, at, {}, undefined);
  {
    using journal = await UploadJournal.open(session, at);
    const identity = { size: 1, partSize: 1, sha256: "", contentType: "", checksums: false };
    journal.begin(uploadId, identity);
  }
  // It is of other bytes, and neither can it be removed nor another one be begun.
  using refused = await createS3Backend({ ...options, multipartThreshold: 1, fetch: refuse });
  await rejectsWith(refused.write(at, bytesSource("hello")), "denied");
  using found = await UploadJournal.find(session, at, uploadId);
  assert.equal(found?.state, "resumable");
  // Where it can be removed, it is.
  found[Symbol.dispose]();
  const refuseNew: typeof fetch = (input, init) =>
    `${input}`.includes("?uploads") ? refuse() : fetch(input, init);
  using half = await createS3Backend({ ...options, multipartThreshold: 1, fetch: refuseNew });
  await rejectsWith(half.write(at, bytesSource("hello")), "denied");
  assert.deepEqual(await Array.fromAsync(Deno.readDir(temp.path)), []);
});

Deno.test("UploadJournal: a role that may not list parts starts again, and deletes what the killed process left", async () => {
  await using temp = await tempDir();
  await using s3 = await memoryS3();
  const options = testOptions(s3.url, { journalDir: temp.path, multipartThreshold: 1 });
  using session = new Session(await readSettings(options));
  const uploadId = await createUpload(session, at, {}, undefined);
  const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
  {
    using journal = await UploadJournal.open(session, at);
    journal.begin(uploadId, {
      size: 5,
      partSize: session.settings.partSize,
      sha256: hello,
      contentType: "application/octet-stream",
      checksums: true,
    });
  }
  const denyParts: typeof fetch = (input, init) =>
    init?.method === "GET" && `${input}`.includes("uploadId=") ? refuse() : fetch(input, init);
  using backend = await createS3Backend({ ...options, fetch: denyParts });
  await backend.write(at, bytesSource("hello"));
  assert.equal((await s3.backend.stat(at)).sha256, hello);
  const left = s3.backend.listStaleUploads(new OutputLocation("suite", ""));
  assert.deepEqual(await Array.fromAsync(left), []);
});
