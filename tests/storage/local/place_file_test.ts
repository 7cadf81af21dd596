/** A second name for a file: at once, whole, in place of what was there. */

import assert from "node:assert/strict";
import { placeFile } from "../../../src/storage/local/place_file.ts";
import { noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { fileNames } from "../../support/snapshot.ts";
import { tempDir } from "../../support/temp_dir.ts";

const posix = Deno.build.os !== "windows";

/** A read-only file in a directory for one test. */
async function withSource() {
  const dir = await tempDir();
  const source = `${dir.path}/source`;
  const bytes = noise(100_000);
  await Deno.writeFile(source, bytes, posix ? { mode: 0o444 } : {});
  return { ...dir, dir: dir.path, source, bytes };
}

for (const hardLink of [false, true]) {
  const what = hardLink ? "hardlink" : "copy";

  Deno.test(`placeFile(): a ${what} at a free path, and at that of a file`, async () => {
    await using t = await withSource();
    const target = `${t.dir}/deep/er/target`;
    for (let i = 0; i < 2; i++) {
      assert.equal(await placeFile(t.source, target, { hardLink }), what);
      assert.deepEqual(await Deno.readFile(target), new Uint8Array(t.bytes));
    }
    await Deno.remove(target);
    await Deno.writeTextFile(target, "old and another");
    assert.equal(await placeFile(t.source, target, { hardLink }), what);
    assert.deepEqual(await Deno.readFile(target), new Uint8Array(t.bytes));
    assert.deepEqual(await fileNames(t.dir), ["deep/er/target", "source"]);
  });

  Deno.test(`placeFile(): a ${what} that can't be renamed leaves nothing`, async () => {
    await using t = await withSource();
    await Deno.mkdir(`${t.dir}/target/full`, { recursive: true });
    await rejectsWith(
      placeFile(t.source, `${t.dir}/target`, { hardLink }),
      "conflict",
      `Cannot write '${t.dir}/target'`,
    );
    await rejectsWith(
      placeFile(t.source, `${t.source}/below`, { hardLink }),
      "conflict",
      `${t.source}/below`,
    );
    await rejectsWith(placeFile(`${t.dir}/none`, `${t.dir}/x`, { hardLink }), "not_found");
    assert.deepEqual(await fileNames(t.dir), ["source"]);
  });

  Deno.test(`placeFile(): an aborted signal leaves what was there (${what})`, async () => {
    await using t = await withSource();
    await Deno.writeTextFile(`${t.dir}/target`, "old");
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(
      placeFile(t.source, `${t.dir}/target`, { hardLink, signal }),
      (error) => error === reason,
    );
    assert.equal(await Deno.readTextFile(`${t.dir}/target`), "old");
  });
}

Deno.test({
  name: "placeFile(): a copy is writable like any new file, and does not affect the source",
  ignore: !posix,
  fn: async () => {
    await using t = await withSource();
    await placeFile(t.source, `${t.dir}/target`);
    await Deno.writeTextFile(`${t.dir}/new`, "");
    const mode = async (name: string) => (await Deno.stat(`${t.dir}/${name}`)).mode;
    assert.equal(await mode("target"), await mode("new"));
    await Deno.writeTextFile(`${t.dir}/target`, "mine", { append: true });
    assert.deepEqual(await Deno.readFile(t.source), new Uint8Array(t.bytes));
  },
});
