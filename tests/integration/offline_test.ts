/**
 * The commands of `docs/offline.md`: the first block of each section with a network, the others in a
 * network namespace without one.
 */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tempDir } from "../support/temp_dir.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Programs in a namespace of their own reach nothing; not every system lets users make one. */
async function hasNamespaces(): Promise<boolean> {
  return await new Deno.Command("unshare", {
    args: ["-rn", "true"],
    stdout: "null",
    stderr: "null",
  })
    .output().then(({ success }) => success, () => false);
}

/** The blocks of shell commands of each section that has some. */
async function sections(): Promise<readonly (readonly [name: string, blocks: string[]])[]> {
  const text = await Deno.readTextFile(join(ROOT, "docs/offline.md"));
  return text.split(/^## /m).flatMap((section) => {
    const blocks = [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block);
    return blocks.length === 0 ? [] : [[section.split("\n", 1)[0], blocks] as const];
  });
}

/** What a clone has, without what tests and builds leave in it. */
async function cloneTo(dir: string): Promise<void> {
  await Deno.mkdir(dir);
  const left = [".git", "node_modules", "demo-output", "dist", "coverage"];
  const names = (await Array.fromAsync(Deno.readDir(ROOT))).map(({ name }) => name)
    .filter((name) => !left.includes(name));
  const { success } = await new Deno.Command("cp", {
    args: ["-r", ...names.map((name) => join(ROOT, name)), dir],
  }).output();
  assert(success);
}

Deno.test({
  name: "docs/offline.md: each way works without a network, once it was prepared with one",
  ignore: Deno.build.target !== "x86_64-unknown-linux-gnu" || !await hasNamespaces(),
  fn: async () => {
    await using temp = await tempDir();
    const clone = join(temp.path, "run-outputs");
    await cloneTo(clone);
    const home = join(temp.path, "home");
    await Deno.mkdir(home);
    // The registry that this machine uses.
    const npmrc = join(Deno.env.get("HOME") ?? "/", ".npmrc");
    await Deno.copyFile(npmrc, join(home, ".npmrc")).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    const prefix = join(temp.path, "npm");
    // npx would take a Deno that is installed already.
    await Deno.mkdir(join(prefix, "lib"), { recursive: true });
    const path = `${join(prefix, "bin")}:${Deno.env.get("PATH")}`;
    const env = { HOME: home, PATH: path, npm_config_prefix: prefix, NO_COLOR: "1" };
    const run = async (script: string, cwd: string, isOffline: boolean) => {
      const words = [...isOffline ? ["unshare", "-rn"] : [], "bash", "-euo", "pipefail", "-c"];
      const { success, stdout, stderr } = await new Deno.Command(words[0], {
        args: [...words.slice(1), script],
        cwd,
        env,
      }).output();
      const text = new TextDecoder();
      assert(success, `${script}\n${text.decode(stdout)}${text.decode(stderr)}`);
      return text.decode(stdout);
    };
    const found = await sections();
    assert.equal(found.length, 3);
    for (const [name, [prepare, ...others]] of found) {
      assert(others.length > 0, name);
      const isElsewhere = name.startsWith("A machine");
      // The same packages once more: the first section has shown that they come from the network.
      if (isElsewhere) await run("mkdir ../lab; cp -r ~/.cache/deno ../lab/packages", clone, false);
      await run(prepare, clone, false);
      if (isElsewhere) {
        // All that the other machine has is what was copied to it.
        for (const gone of [home, prefix, clone, join(temp.path, "lab")]) {
          await Deno.remove(gone, { recursive: true });
        }
      }
      for (const block of others) {
        const out = await run(block, isElsewhere ? dirname(clone) : clone, true);
        assert.match(out, /^s3:\/\/therock-ci-artifacts\/12345-linux$/m, name);
      }
    }
    const registry = await new Deno.Command("unshare", {
      args: ["-rn", "bash", "-c", "exec 3<>/dev/tcp/1.1.1.1/443"],
      stderr: "null",
    }).output();
    assert(!registry.success, "the namespace has no network");
  },
});
