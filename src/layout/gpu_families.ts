/**
 * GPU families: the GPUs that a name such as `gfx94X-dcgpu` includes.
 *
 * @module
 */

import { type CmakeCommand, parseCmake } from "./cmake.ts";
import { invalid, quote, RunOutputsError } from "../errors/error.ts";
import { GPU_FAMILIES, type GpuFamilies } from "./gpu_families_data.ts";
import { nearest } from "./nearest.ts";

/** The command that defines a GPU. */
const COMMAND = "therock_add_amdgpu_target";

/**
 * The GPUs of a family.
 *
 * @param family A family, or a GPU, which is its own family. Case is ignored.
 * @param families The known families. Default: the built-in ones.
 * @returns The GPUs, such as `gfx1100`, in list order.
 * @throws {RunOutputsError} `invalid`, if there is no such family.
 *
 * @example
 * ```ts
 * import { expandFamily } from "@therock/run-outputs/layout";
 *
 * console.assert(expandFamily("gfx110X-dgpu").join() === "gfx1100,gfx1101,gfx1102");
 * ```
 */
export function expandFamily(family: string, families: GpuFamilies = GPU_FAMILIES): string[] {
  const exact = families.get(family);
  if (exact !== undefined) return [...exact];
  for (const [name, gpus] of families) {
    if (name.toLowerCase() === String(family).toLowerCase()) return [...gpus];
  }
  const meant = nearest(String(family), families.keys());
  throw invalid(
    "GPU family",
    family,
    `a known family or GPU${meant === undefined ? "" : `, like ${meant}`}`,
  );
}

/**
 * Parses the families in a CMake file of the build system. It defines each GPU with a call like
 *
 * ```cmake
 * therock_add_amdgpu_target(gfx942 "MI300A/MI300X CDNA" FAMILY dcgpu-all gfx94X-all gfx94X-dcgpu)
 * ```
 *
 * Other commands, and keywords other than `FAMILY`, are ignored.
 *
 * @param cmakeText The file's text.
 * @param sourceName The file's path, for messages.
 * @returns The families by name, in alphabetical order; the GPUs of each in file order.
 * @throws {RunOutputsError} `invalid`, naming file and line: a call without a GPU, a GPU listed
 * twice, an invalid name, an unterminated argument list; or no such call at all.
 */
export function parseGpuFamilies(cmakeText: string, sourceName: string): GpuFamilies {
  const families = new Map<string, string[]>();
  const lines = new Map<string, number>();
  for (const command of parseCmake(cmakeText, sourceName)) {
    if (command.name.toLowerCase() !== COMMAND) continue;
    const gpu = checkName("GPU", command.args[0]?.text ?? "", sourceName, command.line);
    const before = lines.get(gpu);
    if (before !== undefined) {
      throw fault(sourceName, command.line, `GPU ${gpu} is on line ${before} already`);
    }
    lines.set(gpu, command.line);
    for (const family of new Set([gpu, ...familiesOf(command, sourceName)])) {
      const gpus = families.get(family);
      if (gpus === undefined) families.set(family, [gpu]);
      else gpus.push(gpu);
    }
  }
  if (lines.size === 0) {
    throw new RunOutputsError(
      "invalid",
      `Cannot read GPU families from ${quote(sourceName)}: it has no call of ${COMMAND}`,
    );
  }
  return new Map([...families].sort(([a], [b]) => a < b ? -1 : 1));
}

function familiesOf(command: CmakeCommand, sourceName: string): string[] {
  const families: string[] = [];
  let listing = false;
  // The first two arguments are the GPU and its product name, which can look like a keyword.
  for (const { text, quoted, line } of command.args.slice(2)) {
    if (!quoted && /^[A-Z][A-Z0-9_]*$/.test(text)) {
      listing = text === "FAMILY";
    } else if (listing) {
      for (const family of text.split(";").filter((name) => name !== "")) {
        families.push(checkName("family", family, sourceName, line));
      }
    }
  }
  return families;
}

function checkName(what: string, name: string, sourceName: string, line: number): string {
  if (/^[A-Za-z0-9][A-Za-z0-9.-]*$/.test(name)) return name;
  throw fault(sourceName, line, `${what} ${quote(name)} is not a name`);
}

function fault(sourceName: string, line: number, message: string): RunOutputsError {
  return new RunOutputsError(
    "invalid",
    `Cannot read GPU families from ${quote(sourceName)}, line ${line}: ${message}`,
  );
}
