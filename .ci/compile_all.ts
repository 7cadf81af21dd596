/**
 * `deno task compile:all [TARGET...]`: compiles the executables of all targets (default), or of some,
 * into dist/, with SHA256SUMS as `sha256sum -c` reads it, and prints their sizes.
 *
 * `DENORT_BIN_{TARGET}`, such as `DENORT_BIN_X86_64_UNKNOWN_LINUX_GNU`, sets the base runtime of a
 * target. Without it, Deno downloads the one of its own version.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checksumLine } from "../src/runs/checksum_lines.ts";
import { bundle } from "./bundle.ts";
import { baseVariable, compile, executableName, type Target, TARGETS } from "./compile.ts";

/** An executable. */
export interface Executable {
  /** Its target. */
  readonly target: Target;
  /** Its file name. */
  readonly name: string;
  /** Its size in bytes. */
  readonly size: number;
  /** Its SHA-256 in hex. */
  readonly sha256: string;
}

/**
 * Reads the targets of a command line.
 *
 * @param args The arguments.
 * @returns The targets; all, if none is named.
 * @throws {Error} For a name that is not a target.
 */
export function targetsOf(args: readonly string[]): readonly Target[] {
  if (args.length === 0) return TARGETS;
  return [...new Set(args)].map((arg) => {
    const target = TARGETS.find((target) => target === arg);
    if (target === undefined) {
      throw new Error(`Unknown target '${arg}': expected one of ${TARGETS.join(", ")}`);
    }
    return target;
  });
}

/**
 * The contents of SHA256SUMS.
 *
 * @param executables The executables.
 * @returns A line for each, as `sha256sum -c` reads it.
 */
export function checksums(executables: readonly Executable[]): string {
  return executables.map(({ sha256, name }) => checksumLine(sha256, name)).join("");
}

/**
 * The table of sizes.
 *
 * @param executables The executables.
 * @returns Lines of a Markdown table.
 */
export function sizeTable(executables: readonly Executable[]): string {
  const rows = executables.map(({ name, size }) =>
    `| ${name.padEnd(43)} | ${(size / 1e6).toFixed(1).padStart(6)} MB |`
  );
  return [
    `| ${"executable".padEnd(43)} | ${"size".padStart(9)} |`,
    `| ${"-".repeat(43)} | ${"-".repeat(8)}: |`,
    ...rows,
  ].join("\n");
}

async function digest(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

async function main(args: readonly string[]): Promise<void> {
  const targets = targetsOf(args);
  const dist = fileURLToPath(new URL("../dist/", import.meta.url));
  await bundle(join(dist, "bundle"));
  const made: Executable[] = [];
  const failed: string[] = [];
  for (const target of targets) {
    const name = executableName(target);
    const out = join(dist, name);
    try {
      await compile({ out, target, base: Deno.env.get(baseVariable(target)) || undefined });
      made.push({ target, name, size: (await Deno.stat(out)).size, sha256: await digest(out) });
    } catch (error) {
      failed.push((error as Error).message);
    }
  }
  if (made.length > 0) {
    await Deno.writeTextFile(join(dist, "SHA256SUMS"), checksums(made));
    console.log(sizeTable(made));
  }
  for (const message of failed) console.error(`error: ${message}`);
  if (failed.length > 0) throw new Error(`${failed.length} of ${targets.length} not compiled`);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(`error: ${(error as Error).message}`);
    Deno.exit(1);
  }
}
