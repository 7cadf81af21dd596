/**
 * A directory that contains the outputs of one run and nothing else: a copy of a run, with any path
 * and name.
 *
 * @module
 */

import { OutputLocation } from "./output_location.ts";
import { type Layout, OutputPaths } from "./output_paths.ts";

/**
 * Outputs of a run at the root of their storage, without the run's prefix.
 *
 * @example
 * ```ts
 * import { LocalBackend, readOutputs } from "@therock/run-outputs";
 * import { RunDirectory } from "@therock/run-outputs/layout";
 *
 * const dir = await Deno.makeTempDir();
 * const manifest = await readOutputs(new LocalBackend(dir), new RunDirectory());
 * console.assert(manifest.parts.length === 0);
 * await Deno.remove(dir);
 * ```
 */
export class RunDirectory extends OutputPaths {
  /** The layout of the run. */
  readonly layout: Layout = "flat";

  /** The platform, which a directory does not show. */
  readonly platform: undefined = undefined;

  /** The directory itself. */
  root(): OutputLocation {
    return new OutputLocation("local", "");
  }
}
