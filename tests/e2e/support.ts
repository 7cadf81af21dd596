/**
 * A build that takes the program a while, and the check that all it left is whole.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { TEMPORARY_PREFIX } from "../../src/storage/local/atomic_file.ts";
import { noise, sha256 } from "../support/bytes.ts";
import { fileNames } from "../support/snapshot.ts";
import { writeTree } from "../support/temp_dir.ts";
import { unpack } from "../support/unpack.ts";

/** How many artifacts {@linkcode makeSlowBuild} makes. */
export const ARTIFACTS = 30;

/** A build whose artifacts do not compress, so that each is work. */
export async function makeSlowBuild(build: string, seed = 0): Promise<void> {
  const files: Record<string, string | Uint8Array> = {
    "base/aux-overlay/build/therock_manifest.json": `{"seed":${seed}}\n`,
    ".ninja_log": "# ninja log v5\n",
    "logs/build.log": `built ${seed}\n`.repeat(50_000),
    "logs/deep/test.log": `tested ${seed}\n`.repeat(10),
  };
  for (let i = 0; i < ARTIFACTS; i++) {
    const name = `part${i}_lib_generic`;
    files[`artifacts/${name}/artifact_manifest.txt`] = "stage\n";
    files[`artifacts/${name}/stage/lib.so`] = noise(150_000 + i * 1000, seed * 100 + i);
  }
  await writeTree(build, files);
}

/** The arguments of an upload of such a build. */
export function uploadOf(build: string, staging: string, ...more: string[]): string[] {
  return [
    ...["upload", "build", "--artifact-group", "g", "--build-dir", build, "--output-dir", staging],
    ...["--run-id", "1", "--platform", "linux", ...more],
  ];
}

/** The files below a directory that are not temporary ones; none if it is not there. */
export async function visible(dir: string): Promise<string[]> {
  try {
    return (await fileNames(dir)).filter((name) => !name.includes(TEMPORARY_PREFIX));
  } catch (error) {
    // Directories come and go while the program works.
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Asserts that no temporary file of ours is left anywhere below a directory. */
export async function assertNothingTemporary(dir: string): Promise<void> {
  assert.deepEqual((await fileNames(dir)).filter((name) => name.includes(TEMPORARY_PREFIX)), []);
}

/** Checks that each archive decodes to its end; returns those whose checksum is another one's. */
export async function checkWhole(staging: string): Promise<string[]> {
  const names = await visible(staging);
  const wrong: string[] = [];
  for (const name of names) {
    const bytes = await Deno.readFile(join(staging, name));
    const compression = /\.tar\.(zst|gz)$/.exec(name)?.[1];
    if (compression !== undefined) {
      const members = await unpack(bytes, compression as "zst" | "gz");
      assert(members.length > 0, name);
      if (names.includes(`${name}.sha256sum`)) {
        const sidecar = await Deno.readTextFile(join(staging, `${name}.sha256sum`));
        if (sidecar !== `${sha256(bytes)}\n`) wrong.push(name);
      }
    } else if (/\.(?:json|incomplete)$/.test(name)) JSON.parse(new TextDecoder().decode(bytes));
    else if (name.endsWith(".log")) {
      const lines = new TextDecoder().decode(bytes).split("\n");
      assert.equal(lines.length, name.endsWith("build.log") ? 50_001 : 11, name);
      assert.equal(lines.at(-1), "");
    } else if (name.endsWith("index.html")) {
      assert.match(new TextDecoder().decode(bytes), /^<!doctype html>[\s\S]*<\/html>\n$/, name);
    } else assert.match(name, /\.sha256sum$/);
  }
  return wrong;
}
