/**
 * Copies a huge run inside a storage, in a process whose memory is limited:
 * `huge_copy_child.ts COUNT DIR`. The files are nowhere; what is written is in the directory.
 *
 * @module
 */

import { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import { executeCopyCompactly } from "../../src/operations/copy/execute.ts";
import { planCopy } from "../../src/operations/copy/plan.ts";
import { readOutputs } from "../../src/operations/manifest/read.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { changed } from "./changed_backend.ts";
import { hugeRun } from "./huge_run.ts";

const count = Number(Deno.args[0]);
const { root, backend: huge } = hugeRun(count, 1, false);
const copy = RunOutputRoot.forLocal({ runId: "124", platform: "linux" });
const local = new LocalBackend(`${Deno.args[1]}/storage`);
const isSource = ({ key }: { readonly key: string }) => key.startsWith(root.root().key);
const modified = new Date("2026-11-20T12:00:00.5Z");
const backend = changed(local, {
  name: "huge",
  list: (prefix, options) => (isSource(prefix) ? huge : local).list(prefix, options),
  read: (location, options) => (isSource(location) ? huge : local).read(location, options),
  // The name of a file tells its size.
  stat: (location, options) => {
    if (!isSource(location)) return local.stat(location, options);
    const size = Number(/\d{8}/.exec(location.name));
    return Promise.resolve({ location, size, etag: "1", modified });
  },
  copy: (from, to, { sha256 } = {}) => {
    const size = Number(/\d{8}/.exec(from.name));
    return Promise.resolve({ location: to, size, sha256, etag: "1", modified });
  },
});

const manifest = await readOutputs(backend, root, { keepBytes: 1024 * 1024 });
const plan = await planCopy({ backend, root }, { manifest });
const began = performance.now();
const { results, withheld } = await executeCopyCompactly(plan, { backend, root: copy });
console.error(`copy: ${((performance.now() - began) * 1000 / count).toFixed(1)} µs a file`);
const written = Iterator.from(results).filter(({ outcome }) => outcome === "written");
const { parts, unfinished } = await readOutputs(backend, copy, { keepBytes: 0 });
console.log(JSON.stringify([
  plan.files.length,
  written.reduce((sum) => sum + 1, 0),
  parts[0]?.count,
  unfinished.length + withheld.length,
]));
