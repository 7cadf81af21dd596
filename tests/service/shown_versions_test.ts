/**
 * Which versions of files clients see: never an etag of the disk, which has an inode in it.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writeSummary } from "../../src/operations/retained/summary_file.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { rootOf } from "../support/retained.ts";
import { serveRuns } from "../support/service.ts";

const KEY = "12345-linux";
const FILE = "logs/a.log";

Deno.test("no answer has an etag of the disk; the versions in answers are accepted back", async () => {
  await using service = await serveRuns({ [KEY]: { parts: { p: [FILE] } } });
  const path = join(service.dir, KEY, FILE);
  await Deno.writeTextFile(path, "error: one\nerror: two\n");
  const backend = new LocalBackend(service.dir);
  const root = rootOf(KEY);
  const etags: string[] = [];
  const note = async () => {
    for await (const { etag } of backend.list(root.root())) etags.push(etag);
  };
  await writeSummary(backend, root, { tool: "test" });
  await note();
  const run = `/retained-runs/${KEY}`;
  const seen: string[] = [];
  const get = async (target: string, accept = "application/json") => {
    const { status, headers, text } = await service.ask(target, { headers: { accept } });
    assert.equal(status, 200, `${target}: ${text}`);
    seen.push(JSON.stringify([...headers]), text);
    return text;
  };

  const lines = JSON.parse(await get(`${run}/lines/${FILE}`));
  await get(`${run}/lines/${FILE}?etag=${lines.etag}`);
  const rows = JSON.parse(await get(`${run}/view/${FILE}?at=0`));
  assert.equal(rows.etag, lines.etag);
  await get(`${run}/view/${FILE}?at=0&etag=${rows.etag}`);
  await get(`${run}/view/${FILE}`, "text/html");
  await get(`${run}/files/${FILE}`);
  assert.match(
    await get(`${run}/files/${root.retentionSummary().relativeTo(root.root())}`),
    /"etag"/,
  );
  await get(`/s3/b?prefix=${KEY}/`);
  await get(`/s3/b/${KEY}/${FILE}`);
  for (const search of [`${run}/search`, `${run}/search/${FILE}`]) {
    const { next } = JSON.parse(await get(`${search}?q=error&limit=1`));
    seen.push(atob(next.replaceAll("-", "+").replaceAll("_", "/")));
    const rest = JSON.parse(await get(`${search}?q=error&limit=1&cursor=${next}`));
    assert.deepEqual(rest.matches.map(({ text }: { text: string }) => text), ["error: two"]);
    assert.equal(typeof rest.etag, search.endsWith(FILE) ? "string" : "undefined");
    // The version in a cursor is still checked.
    await Deno.writeTextFile(`${path}.new`, "error: other\nerror: three\n");
    await Deno.rename(`${path}.new`, path);
    const { status } = await service.ask(`${search}?q=error&limit=1&cursor=${next}`);
    assert.equal(status, 409);
    await Deno.writeTextFile(path, "error: one\nerror: two\n");
    await note();
  }
  for (const text of seen) for (const etag of etags) assert(!text.includes(etag), text);
});
