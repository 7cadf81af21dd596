/** A killed fetch leaves its target as it was, or whole; the next one completes it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { listMembers } from "../../src/archive/tar/list_members.ts";
import { pack } from "../../src/archive/pack/pack.ts";
import { writeFileAtomic } from "../../src/storage/local/atomic_file.ts";
import { noise } from "../support/bytes.ts";
import { cases } from "../support/cases.ts";
import { killAt } from "../support/kill.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { command, finish, start } from "./processes.ts";

const KILLS = cases(20, 5);
const ARCHIVES = 6;

/** So many changes are made by a fetch, at least. */
const CHANGES = 30;

/** With permissions as few as possible, which its workers divide, and with all. */
const WAYS = [["extract", false, "-P"], ["flatten", true, "-A"]] as const;

for (const [mode, cached, permissions] of WAYS) {
  Deno.test(`fetch --${mode} (${permissions}): killed ${KILLS} times, the target is as before or whole`, async () => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    for (const [run, seed] of [["1", 1], ["2", 100]] as const) {
      for (let i = 0; i < ARCHIVES; i++) {
        await makeArchive(join(staging, `${run}-linux`), `a${i}`, seed + i);
      }
    }
    const out = join(temp.path, "out");
    const cache = cached ? ["--cache-dir", join(temp.path, "cache")] : [];
    const fetch = (run: string) => [
      ...["fetch", `--${mode}`, "-q", "--staging-dir", staging, "--run-id", run],
      ...["--platform", "linux", "--output-dir", out, ...cache],
    ];

    /** Lets the next fetch put the target right, and tells what is there. */
    const settle = async () => {
      const { code, stderr } = await command(fetch("1"));
      assert.equal(code, 0, stderr);
      return await contents(out);
    };

    const { code, stderr } = await finish(fetch("1"), {}, [permissions]);
    assert.equal(code, 0, stderr);
    const first = await contents(out);
    let now = first;
    for (let i = 0; i < KILLS; i++) {
      // From its first change to one of the last renames.
      const at = 1 + Math.floor(CHANGES * i / KILLS);
      const killed = await killAt({ at }, (options, env) => {
        return start(fetch(now === first ? "2" : "1"), "null", env, [permissions, ...options]);
      });
      assert(killed, `it made fewer than ${at} changes`);
      // A kill between the renames is taken back, or completed, by whoever comes next.
      if (await contents(out) !== now) now = await settle();
    }

    assert.equal(await settle(), first);
    const left = await Array.fromAsync(Deno.readDir(temp.path), ({ name }) => name);
    assert.deepEqual(left.sort(), [...(cached ? ["cache"] : []), "out", "staging"]);
  });
}

async function makeArchive(run: string, name: string, seed: number): Promise<void> {
  await using temp = await tempDir();
  await writeTree(temp.path, {
    "artifact_manifest.txt": `${name}/stage\n`,
    [`${name}/stage/lib/lib${name}.so`]: noise(300_000, seed),
    [`${name}/stage/share/${name}.txt`]: `${seed}`,
  });
  await Deno.mkdir(run, { recursive: true });
  const file = join(run, `${name}_lib_generic.tar.zst`);
  const { sha256 } = await writeFileAtomic(
    file,
    pack(await listMembers(temp.path, { first: "artifact_manifest.txt" }), { compression: "zst" }),
  );
  await Deno.writeTextFile(`${file}.sha256sum`, `${sha256}\n`);
}

/** Every name, and the text of the small files, which differ from run to run. */
async function contents(dir: string): Promise<string> {
  const lines: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    const path = join(dir, name);
    if (isDirectory) lines.push(await contents(path));
    else if (name.endsWith(".txt")) lines.push(`${path} ${await Deno.readTextFile(path)}`);
    else lines.push(`${path} ${(await Deno.stat(path)).size}`);
  }
  return lines.sort().join("\n");
}
