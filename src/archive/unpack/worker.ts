/**
 * The worker that unpacks archives, one at a time. It reads, decodes and writes in one thread,
 * because passing bytes between threads costs more than it gains.
 *
 * @module
 */

import { diskError } from "../../errors/disk.ts";
import { RunOutputsError } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";
import { decompress } from "../compression/decompress.ts";
import { Extractor, tooLarge } from "./extract.ts";
import { Lzma } from "../compression/liblzma.ts";
import { decodeShared, helpDecode } from "../compression/parallel_xz.ts";
import { TarReader } from "../tar/reader.ts";
import { serveThread } from "../../threads/serve.ts";
import { DiskTree } from "./tree_writer.ts";
import type { FromWorker, HelpTask, ToWorker, UnpackTask } from "./worker_messages.ts";

/** The number of unpacked bytes between two progress messages. */
const PROGRESS_STEP = 4 * 1024 * 1024;

let lzma: Promise<Lzma> | undefined;
let linksMade: (() => void) | undefined;

const post = serveThread<ToWorker, FromWorker>((data) => {
  if (data.type === "links made") linksMade?.();
  else (data.type === "help" ? help(data) : unpack(data)).catch((error) => fail(error, data.path));
});

async function unpack(task: UnpackTask): Promise<void> {
  const { path, format, verified, limits, lzmaModule, shared } = task;
  using file = Deno.openSync(path);
  const size = file.statSync().size;
  const tree = new DiskTree(task.tree);
  using extractor = new Extractor({ ...task.extractor, ...limits }, tree);
  const reader = new TarReader(extractor);
  let total = 0;
  let reported = 0;
  const sink = (bytes: Uint8Array) => {
    total += bytes.length;
    if (total > limits.maxBytes) throw tooLarge(limits.maxBytes);
    if (total > limits.ratioFrom && total > size * limits.maxRatio) {
      throw new BadArchive(
        `it unpacks to more than ${limits.maxRatio} times its own size of ${size} bytes (--max-ratio)`,
      );
    }
    reader.push(bytes);
    if (total - reported < PROGRESS_STEP) return;
    post({ type: "progress", bytes: total - reported });
    reported = total;
  };
  if (shared === undefined) {
    const options = { verified, maxMemory: limits.maxMemory };
    await decompress(file, format, sink, () => loadLzma(lzmaModule!), options);
  } else decodeShared(file, shared, await loadLzma(lzmaModule!), sink);
  reader.finish();
  post({ type: "progress", bytes: total - reported });
  const links = extractor.links();
  if (links.length > 0) {
    const made = new Promise<void>((resolve) => linksMade = resolve);
    post({ type: "links", links });
    await made;
  }
  const paths = links.map(({ path }) => path);
  const extracted = extractor.finish();
  post({ type: "done", extracted, links: paths, entries: tree.entries(paths) });
}

async function help({ path, shared, lzmaModule }: HelpTask): Promise<void> {
  const lzma = await loadLzma(lzmaModule);
  using file = Deno.openSync(path);
  helpDecode(file, shared, lzma);
  post({ type: "helped" });
}

function loadLzma(module: WebAssembly.Module): Promise<Lzma> {
  return lzma ??= Lzma.load(module);
}

function fail(error: unknown, path: string): void {
  if (error instanceof BadArchive) {
    post({ type: "bad", reason: error.message, member: error.member });
    return;
  }
  const failure = diskError("unpack", path, error);
  const code = failure instanceof RunOutputsError ? failure.code : "failed";
  post({ type: "failed", code, message: failure.message });
}
