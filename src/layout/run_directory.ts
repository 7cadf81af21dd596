/**
 * A directory that holds the outputs of one run and nothing else: a copy of a run, wherever it is
 * and whatever it is called.
 *
 * @module
 */

import { OutputLocation } from "./output_location.ts";
import { type Layout, OutputPaths } from "./output_paths.ts";

/**
 * The outputs of a run that stand at the root of their storage, without the run's prefix.
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
  /** Which layout the run uses. */
  readonly layout: Layout = "flat";

  /** Not known of a directory. */
  readonly platform: undefined = undefined;

  /** The directory itself. */
  root(): OutputLocation {
    return new OutputLocation("local", "");
  }
}
