/**
 * This project's side of `line.ts`: moves files up or down, with a fixed number of concurrent transfers
 * or without.
 *
 * @module
 */

import { OutputLocation } from "../../src/layout/output_location.ts";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import { download } from "../../src/storage/transfer/download.ts";
import { fileItem, upload } from "../../src/storage/transfer/upload.ts";

const [direction, dir, prefix, asked] = Deno.args;
const concurrency = asked === undefined ? undefined : Number(asked);
using backend = await createS3Backend();
const above = new OutputLocation("bench", prefix);
const results = direction === "up"
  ? await upload(
    backend,
    Array.from(Deno.readDirSync(dir), ({ name }) => {
      const path = `${dir}/${name}`;
      return fileItem(above.join(name), path, { size: Deno.statSync(path).size });
    }),
    { concurrency },
  )
  : await download(
    backend,
    (await Array.fromAsync(backend.list(above))).map(({ location, size }) => (
      { location, path: `${dir}/${location.name}`, size }
    )),
    { concurrency },
  );
for (const { error } of results) {
  if (error === undefined) continue;
  console.error(error.message);
  Deno.exitCode = 1;
}
