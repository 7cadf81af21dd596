/** The list of a run's files, the same from each storage. */

import assert from "node:assert/strict";
import { sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { ask, putRun, rootOf, STORAGES } from "../../support/retained.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";

const RUN = {
  parts: { p: ["b_lib_generic.tar.zst", "logs/g/a.log", "logs/g/ü +.log"] },
  files: ["logs/g/late.html", "logs/other.log"],
};
const ALL = [
  "b_lib_generic.tar.zst",
  "logs/g/a.log",
  "logs/g/late.html",
  "logs/g/ü +.log",
  "logs/other.log",
  "manifests/outputs/p.json",
];

interface Row {
  readonly path: string;
  readonly kind: string;
  readonly size: number;
  readonly sha256?: string;
  readonly href: string;
}

const paths = ({ files }: { files: readonly Row[] }) => files.map(({ path }) => path);

for (const [name, open] of Object.entries(STORAGES)) {
  Deno.test(`files, ${name}: all files, with the hashes that are known`, async () => {
    await using subject = await open();
    const { backend } = subject;
    await putRun(backend, "1-linux", RUN);
    await backend.write(rootOf("1-linux").root().join("x/.run-outputs-tmp-1/y"), bytesSource("x"));
    const answer = await ask(backend, "files", { run: "1-linux" });
    assert.equal(answer.key, "1-linux");
    assert.equal(answer.next, undefined);
    assert.deepEqual(paths(answer), ALL);
    const odd = answer.files.find(({ path }: Row) => path === "logs/g/ü +.log");
    assert.equal(odd.href, "files/logs/g/%C3%BC%20%2B.log");
    assert.equal(odd.size, new TextEncoder().encode(odd.path).length);
    assert.equal(odd.sha256, sha256(odd.path));
    assert.equal(odd.kind, "log");
    const byId = await ask(backend, "files", { run: "1", kind: "report" });
    assert.deepEqual(paths(byId), ["logs/g/late.html"]);
    assert.equal(byId.files[0].href, "../1-linux/files/logs/g/late.html");
  });
}

Deno.test("files: pages continue after the last file, whatever comes or goes", async () => {
  await using subject = await STORAGES.memory();
  const { backend } = subject;
  await putRun(backend, "1-linux", RUN);
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await ask(backend, "files", { run: "1-linux", limit: 2, cursor });
    found.push(...paths(page));
    await backend.delete(rootOf("1-linux").file("logs/g/a.log"));
    await backend.write(rootOf("1-linux").file("a.txt"), bytesSource("x"));
    cursor = page.next;
  } while (cursor !== undefined);
  assert.deepEqual(found, ALL);
});

Deno.test("files: filters, and a cursor of other filters", async () => {
  await using subject = await STORAGES.memory();
  const { backend } = subject;
  await putRun(backend, "1-linux", RUN);
  const logs = await ask(backend, "files", { run: "1-linux", prefix: "logs/g/", limit: 1 });
  assert.deepEqual(paths(logs), ["logs/g/a.log"]);
  const rest = { run: "1-linux", prefix: "logs/g/", cursor: logs.next };
  assert.deepEqual(paths(await ask(backend, "files", rest)), [
    "logs/g/late.html",
    "logs/g/ü +.log",
  ]);
  assert.deepEqual(paths(await ask(backend, "files", { run: "1-linux", prefix: "nothing" })), []);
  const other = ask(backend, "files", { ...rest, prefix: "logs/" });
  await rejectsWith(other, "invalid", "cursor", "same filters");
  await rejectsWith(ask(backend, "files", { run: "1-linux", kind: "x" }), "invalid", "kind");
  await rejectsWith(ask(backend, "files", { run: "1-linux", limit: 0 }), "invalid", "limit");
  await rejectsWith(ask(backend, "files", { run: "2-linux" }), "not_found", "No run '2-linux'");
});

Deno.test("files: a manifest that is broken or of a newer program hides no files", async () => {
  await using subject = await STORAGES.disk();
  const { backend } = subject;
  await putRun(backend, "1-linux", { files: ["a.log"] });
  for (const text of ["{", '{"schema":"run-outputs.manifest/9"}']) {
    await backend.write(rootOf("1-linux").outputsManifest("p"), bytesSource(text));
    const { files } = await ask(backend, "files", { run: "1-linux" });
    assert.deepEqual(paths({ files }), ["a.log", "manifests/outputs/p.json"]);
    assert.equal(files[0].sha256, undefined);
  }
});
