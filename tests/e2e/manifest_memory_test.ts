/** A manifest and a listing of any length are read in bounded memory. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { isFull } from "../support/cases.ts";
import { tempDir } from "../support/temp_dir.ts";

const CHILD = fileURLToPath(new URL("../support/huge_run_child.ts", import.meta.url));

/** The text of these files is nearly as much as the heap that the process gets, as values it is more. */
const [COUNT, HEAP_MIB] = isFull ? [150_000, 36] : [30_000, 24];

Deno.test(`${COUNT} files: manifest, listing and both compared, in ${HEAP_MIB} MiB`, async () => {
  const text = await run(CHILD, `${COUNT}`);
  assert.deepEqual(JSON.parse(text), [COUNT, COUNT, 0, COUNT, COUNT, 0]);
});

const VERIFY_CHILD = fileURLToPath(new URL("../support/huge_verify_child.ts", import.meta.url));

Deno.test(`${COUNT} files: verified and compared, in ${HEAP_MIB} MiB`, async () => {
  const text = await run(VERIFY_CHILD, `${COUNT}`);
  assert.deepEqual(JSON.parse(text), { ok: COUNT, same: COUNT, others: 0 });
});

const UPLOAD_CHILD = fileURLToPath(new URL("../support/huge_upload_child.ts", import.meta.url));

/** Each file is read and written many times. */
const ADDED_TO = isFull ? 80_000 : 12_000;

Deno.test(`${ADDED_TO} files: an upload that adds to their part, in ${HEAP_MIB} MiB`, async () => {
  await using temp = await tempDir();
  const text = await run(UPLOAD_CHILD, `${ADDED_TO}`, temp.path);
  assert.deepEqual(JSON.parse(text), [
    [ADDED_TO + 2, "written"],
    // The listing does not have what was added first: what is gone is not told again.
    [ADDED_TO, "written"],
  ]);
});

const COPY_CHILD = fileURLToPath(new URL("../support/huge_copy_child.ts", import.meta.url));

Deno.test(`${COUNT} files: a copy of their run, in ${HEAP_MIB} MiB`, async () => {
  await using temp = await tempDir();
  const text = await run(COPY_CHILD, `${COUNT}`, temp.path);
  // All files and their part, and nothing is unfinished.
  assert.deepEqual(JSON.parse(text), [COUNT, COUNT + 1, COUNT, 0]);
});

const MANIFEST_CHILD = fileURLToPath(new URL("../support/huge_manifest_child.ts", import.meta.url));

/** More text than a manifest keeps in memory. */
const PRINTED = isFull ? 150_000 : 100_000;

Deno.test(`${PRINTED} files: 'runs manifest' prints them in ${HEAP_MIB} MiB`, async () => {
  const text = await run(MANIFEST_CHILD, `${PRINTED}`);
  assert.deepEqual(JSON.parse(text), { status: "available", rows: PRINTED });
});

/** What a program prints that runs with little memory. */
async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P", `--v8-flags=--max-old-space-size=${HEAP_MIB}`, program, ...args],
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, text.decode(stderr).slice(0, 2000));
  return text.decode(stdout);
}
