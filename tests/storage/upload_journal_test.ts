/** The journal of an upload in parts, as another process finds it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { createUpload } from "../../src/storage/s3/multipart.ts";
import { Session } from "../../src/storage/s3/session.ts";
import { readSettings } from "../../src/storage/s3/settings.ts";
import { UploadJournal } from "../../src/storage/s3/upload_journal.ts";
import { memoryS3, testOptions } from "../support/s3_subject.ts";
import { tempDir } from "../support/temp_dir.ts";

const at = new OutputLocation("suite", "1-linux/a");

Deno.test("UploadJournal: lines that tell of no part are passed over", async () => {
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
  assert.deepEqual(await journal.takeUp(identity, undefined), { uploadId, parts: [] });
});
