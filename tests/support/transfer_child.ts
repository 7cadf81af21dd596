/**
 * A process that makes one transfer, to be killed: tells each piece and the result on stdout.
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
import { testOptions } from "./s3_subject.ts";

const [direction, url, uri, path, journalDir, part, sha256] = Deno.args;
const location = OutputLocation.fromS3Uri(uri);
const partSize = Number(part);
using backend = await createS3Backend(
  testOptions(url, { journalDir, partSize, multipartThreshold: partSize }),
);
const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
const onEvent = (event: TransferEvent) => {
  if (event.type === "bytes") say(`bytes ${event.bytes}`);
};
const [result] = direction === "up"
  ? await upload(backend, [fileItem(location, path, { sha256 })], { onEvent })
  : await download(backend, [{ location, path }], { onEvent, segment: partSize, concurrency: 4 });
say(`result ${JSON.stringify({ ...result, error: result.error?.message })}`);
