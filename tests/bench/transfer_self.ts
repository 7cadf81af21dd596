/**
 * This project's side of `transfer.ts`: moves a directory of files `f0`, `f1`, … up or down; up also
 * with hashes that are known, from a list that `sha256sum` has made.
 *
 * @module
 */

import { OutputLocation } from "../../src/layout/output_location.ts";
import { download } from "../../src/storage/transfer/download.ts";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import { fileItem, upload } from "../../src/storage/transfer/upload.ts";

const [direction, dir, bucket, prefix, list] = Deno.args;
const lines = list === undefined ? [] : Deno.readTextFileSync(list).trimEnd().split("\n");
const hashes = new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]));
using backend = await createS3Backend();
const above = new OutputLocation(bucket, prefix);
const results = direction === "up"
  ? await upload(
    backend,
    Array.from(Deno.readDirSync(dir), ({ name }) => {
      const path = `${dir}/${name}`;
      return fileItem(above.join(name), path, {
        size: Deno.statSync(path).size,
        sha256: hashes.get(name),
      });
    }),
  )
  : await download(
    backend,
    (await Array.fromAsync(backend.list(above))).map(({ location, size }) => (
      { location, path: `${dir}/${location.name}`, size }
    )),
  );
for (const { error } of results) {
  if (error === undefined) continue;
  console.error(error.message);
  Deno.exitCode = 1;
}
