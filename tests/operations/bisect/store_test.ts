/** The directory of a bisect: whole or as before, one process at a time, and no mess of others'. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { TEMPORARY_PREFIX } from "../../../src/storage/local/atomic_file.ts";
import { Bisect } from "../../../src/operations/bisect/bisect.ts";
import { openBisectStore, readBisectState } from "../../../src/operations/bisect/store.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir } from "../../support/temp_dir.ts";
import { FakeSource, lineFrom } from "./support.ts";

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort();
}

async function begun(dir: string): Promise<void> {
  using store = await openBisectStore(dir, { create: true });
  await Bisect.start({ store, source: new FakeSource() }, lineFrom(4));
}

Deno.test("openBisectStore(): a directory that git ignores, and that is deleted at the end", async () => {
  await using temp = await tempDir();
  const dir = join(temp.path, "deep/bisect");
  await begun(dir);
  assert.deepEqual(await names(dir), [".gitignore", "bisect.json", "bisect.lock"]);
  assert.match(await Deno.readTextFile(join(dir, ".gitignore")), /^\*$/m);
  assert.equal((await readBisectState(dir)).commits.length, 4);
  // What a killed process has left goes with it.
  await Deno.writeTextFile(join(dir, `${TEMPORARY_PREFIX}1`), "");
  await Deno.mkdir(join(dir, ".run-outputs-probe-1"));
  using store = await openBisectStore(dir);
  await store.remove();
  await assert.rejects(Deno.stat(dir), Deno.errors.NotFound);
});

Deno.test("openBisectStore(): in somebody's directory it touches nothing else", async () => {
  await using temp = await tempDir();
  await Deno.writeTextFile(join(temp.path, ".gitignore"), "node_modules\n");
  await Deno.writeTextFile(join(temp.path, "lock"), "mine");
  await begun(temp.path);
  using store = await openBisectStore(temp.path);
  await store.remove();
  assert.deepEqual(await names(temp.path), [".gitignore", "lock"]);
  assert.equal(await Deno.readTextFile(join(temp.path, ".gitignore")), "node_modules\n");
});

Deno.test("openBisectStore(): without a bisect, nothing is created and nothing is left", async () => {
  await using temp = await tempDir();
  await rejectsWith(openBisectStore(temp.path), "not_found", temp.path, "bisect start");
  await rejectsWith(openBisectStore(join(temp.path, "no")), "not_found", "bisect start");
  await rejectsWith(readBisectState(temp.path), "not_found", temp.path);
  assert.deepEqual(await names(temp.path), []);
});

Deno.test("openBisectStore(): a lock of another process is reported, and can be waited for", async () => {
  await using temp = await tempDir();
  await begun(temp.path);
  const first = await openBisectStore(temp.path);
  await rejectsWith(
    openBisectStore(temp.path, { patience: 1 }),
    "conflict",
    "another process",
    temp.path,
  );
  const controller = new AbortController();
  const aborted = openBisectStore(temp.path, { patience: 60_000, signal: controller.signal });
  controller.abort(new Error("interrupted"));
  await assert.rejects(aborted, /interrupted/);
  const waiting = openBisectStore(temp.path, { patience: 60_000 });
  first[Symbol.dispose]();
  using _second = await waiting;
});

Deno.test("openBisectStore(): a state that is broken is one line that says where", async () => {
  await using temp = await tempDir();
  await begun(temp.path);
  const path = join(temp.path, "bisect.json");
  const whole = await Deno.readTextFile(path);
  const state = JSON.parse(whole);
  const sha = state.commits[1].sha;
  const said = (verdict: string, index: number) => (
    { at: state.started_at, sha: state.commits[index].sha, verdict }
  );
  for (
    const [text, ...texts] of [
      ["", "it is not JSON"],
      [whole.slice(0, whole.length / 2), "it is not JSON"],
      ["null", "expected object"],
      ["{}", "schema"],
      [JSON.stringify({ ...state, bad: { given: "main", sha: "main" } }), "bad.sha"],
      [JSON.stringify({ ...state, commits: [] }), "commits"],
      [JSON.stringify({ ...state, artifacts: { [sha]: { status: "maybe" } } }), `artifacts.${sha}`],
      [JSON.stringify({ ...state, log: [said("fine", 0)] }), "log.0.verdict"],
      [
        JSON.stringify({ ...state, log: [said("bad", 0), said("good", 1)] }),
        "contradict each other",
      ],
      [JSON.stringify({ ...state, bad: state.good }), "not part of the bisect"],
    ]
  ) {
    await Deno.writeTextFile(path, text);
    await rejectsWith(
      readBisectState(temp.path),
      "integrity",
      path,
      "'run-outputs bisect reset' deletes it",
      ...texts,
    );
  }
  await Deno.writeTextFile(path, JSON.stringify({ ...state, schema: "run-outputs.bisect/2" }));
  await rejectsWith(readBisectState(temp.path), "failed", "run-outputs.bisect/2", "newer version");
  await Deno.writeTextFile(path, JSON.stringify({ ...state, more: 1 }));
  assert.equal((await readBisectState(temp.path)).commits.length, 4);
});

/** How a state comes to be somebody else's. */
const FOREIGN: Record<string, (dir: string) => Promise<void>> = {
  "is a copy": async (dir) => {
    await Deno.rename(dir, `${dir}2`);
    await Deno.mkdir(dir, { mode: 0o700 });
    await Deno.copyFile(join(`${dir}2`, "bisect.json"), join(dir, "bisect.json"));
  },
  "others may write to": (dir) => Deno.chmod(join(dir, "bisect.json"), 0o622),
  ...Deno.build.os !== "windows" && Deno.uid() === 0
    ? { "another user has written": (dir) => Deno.chown(join(dir, "bisect.json"), 65534, 65534) }
    : {},
};

for (const [what, change] of Object.entries(FOREIGN)) {
  Deno.test({
    name: `openBisectStore(): a state that ${what} is not used, and can be deleted`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using temp = await tempDir();
      const dir = join(temp.path, "bisect");
      await begun(dir);
      await change(dir);
      await rejectsWith(readBisectState(dir), "denied", "you did not start it", "bisect reset");
      using store = await openBisectStore(dir);
      await rejectsWith(store.read(), "denied", "you did not start it");
      await store.remove();
      await assert.rejects(Deno.stat(dir), Deno.errors.NotFound);
    },
  });
}

Deno.test("openBisectStore(): a directory that was moved with its state is continued", async () => {
  await using temp = await tempDir();
  await begun(join(temp.path, "first"));
  await Deno.rename(join(temp.path, "first"), join(temp.path, "second"));
  assert.equal((await readBisectState(join(temp.path, "second"))).commits.length, 4);
});
