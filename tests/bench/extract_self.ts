/**
 * This project's side of `extract.ts`: unpacks archives into a directory.
 *
 * Usage: extract_self.ts WORKERS TARGET ARCHIVE…
 *
 * @module
 */

import { basename } from "node:path";
import { Unpacker } from "../../src/archive/unpack/unpack.ts";

const [workers, outputDir, ...paths] = Deno.args;
await using unpacker = await Unpacker.open({
  mode: "extract",
  outputDir,
  stagingDir: `${outputDir}.staging`,
  workers: Number(workers),
});
await Promise.all(paths.map((path) => unpacker.add({ path, name: basename(path) })));
await unpacker.commit();
