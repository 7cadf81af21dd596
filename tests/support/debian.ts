/**
 * Debian packages for tests, made by `dpkg-deb`.
 *
 * @module
 */

import { join } from "node:path";
import { tempDir, writeTree } from "./temp_dir.ts";

/** Whether a program is there. */
export async function hasProgram(name: string): Promise<boolean> {
  return await new Deno.Command(name, { args: ["--version"], stdout: "null", stderr: "null" })
    .output().then(() => true, () => false);
}

/** Runs a program that has to succeed; what it printed. */
export async function runProgram(
  name: string,
  args: readonly string[],
  options: { readonly env?: Record<string, string>; readonly cwd?: string } = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(name, {
    args: [...args],
    ...options,
    env: { LC_ALL: "C.UTF-8", ...options.env },
  }).output();
  const decoder = new TextDecoder();
  if (code === 0) return decoder.decode(stdout);
  throw new Error(
    `${name} ${args.join(" ")}: ${code}\n${decoder.decode(stdout)}${decoder.decode(stderr)}`,
  );
}

/** What a package is to be. */
export interface DebianPackage {
  readonly name: string;
  readonly version?: string;
  readonly architecture?: string;
  readonly depends?: string;
  readonly compression?: "gzip" | "xz" | "zstd" | "none";
  readonly content?: string;
}

/** Makes a package in a directory; its path. */
export async function makeDeb(dir: string, options: DebianPackage): Promise<string> {
  const { name, version = "1.0", architecture = "amd64", depends, compression = "xz" } = options;
  await using temp = await tempDir();
  const tree = join(temp.path, "tree");
  await writeTree(tree, {
    "DEBIAN/control": [
      `Package: ${name}`,
      `Version: ${version}`,
      `Architecture: ${architecture}`,
      "Maintainer: Tests <tests@example.com>",
      ...(depends === undefined ? [] : [`Depends: ${depends}`]),
      "Description: a test's package",
      " It has a long text,",
      " .",
      " of several lines: with é.",
      "",
    ].join("\n"),
    [`opt/rocm/share/${name}.txt`]: options.content ?? `${name} ${version}\n`,
  });
  await Deno.mkdir(dir, { recursive: true });
  const path = join(dir, `${name}_${version}_${architecture}.deb`);
  await runProgram("dpkg-deb", ["--root-owner-group", `-Z${compression}`, "--build", tree, path]);
  return path;
}
