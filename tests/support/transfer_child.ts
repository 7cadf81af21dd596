/**
 * A process that makes one transfer and prints its result on stdout, or kills itself in the middle:
 * once it has moved as many bytes as its environment says.
 *
 * Arguments: up or down, the server, the object, the file, a directory for journals, the size of
 * a part; the hash that the file should have, if it is known.
 *
 * @module
 */

import { OutputLocation } from "../../src/layout/output_location.ts";
import { download } from "../../src/storage/transfer/download.ts";
import { createS3Backend } from "../../src/storage/s3/backend.ts";
import type { TransferEvent } from "../../src/storage/transfer/transfer.ts";
import { fileItem, upload } from "../../src/storage/transfer/upload.ts";
import { LIFE, testOptions } from "./s3_subject.ts";

const [direction, url, uri, path, journalDir, part, sha256] = Deno.args;
const location = OutputLocation.fromS3Uri(uri);
const partSize = Number(part);
using backend = await createS3Backend(
  testOptions(url, { journalDir, partSize, multipartThreshold: partSize }),
);
let left = Number(Deno.env.get(LIFE) ?? Infinity);
const onEvent = (event: TransferEvent) => {
  if (event.type === "bytes" && (left -= event.bytes) <= 0) Deno.kill(Deno.pid, "SIGKILL");
};
const [result] = direction === "up"
  ? await upload(backend, [fileItem(location, path, { sha256 })], { onEvent })
  : await download(backend, [{ location, path }], { onEvent, segment: partSize, concurrency: 4 });
console.log(JSON.stringify({ ...result, error: result.error?.message }));
