/**
 * Adds to a huge part, in a process whose memory is limited: `huge_upload_child.ts COUNT DIR`. The
 * files of the part are nowhere; what is written is in the directory.
 *
 * @module
 */

import { readOutputs } from "../../src/operations/manifest/read.ts";
import { PartUpload } from "../../src/operations/manifest/write_part.ts";
import { changed } from "./changed_backend.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { spool } from "../../src/storage/local/spool.ts";
import { textItem, upload } from "../../src/storage/transfer/upload.ts";
import { filesOf, hugeRun } from "./huge_run.ts";

const count = Number(Deno.args[0]);
const dir = Deno.args[1];
const { root, backend: huge } = hugeRun(count, 1, false);
const local = new LocalBackend(`${dir}/storage`);
{
  await using body = await huge.read(root.outputsManifest("part-0"));
  await using source = await spool(dir, body);
  await local.write(root.outputsManifest("part-0"), source);
}
const backend = changed(local, {
  name: "huge",
  enforcesAbsence: true,
  list: (prefix, options) =>
    prefix.equals(root.root()) ? huge.list(prefix, options) : local.list(prefix, options),
});

/** Adds texts to the part; how many files it has then, and what became of it. */
async function add(texts: Readonly<Record<string, string>>): Promise<[number, string]> {
  const items = Object.entries(texts).map(([path, text]) => textItem(root.file(path), text, path));
  const part = new PartUpload(backend, root, { part: "part-0", tool: "test", run: {} });
  const planned = items.map(({ location }) => location);
  const results = await upload(await part.begin(planned), items);
  const { outcome } = await part.end({ results });
  const { parts } = await readOutputs(backend, root, { keepBytes: 0 });
  return [parts[0].count, outcome];
}

const [{ path: replaced }] = filesOf(count, Math.floor(count / 2), count);
console.log(JSON.stringify([
  await add({ "a/first": "1", "z/last": "1" }),
  // What the part tells of is replaced, so that it is taken away meanwhile.
  await add({ [replaced]: "other" }),
]));
