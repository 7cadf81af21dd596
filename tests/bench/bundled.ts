/**
 * The program and our sides of the benchmarks as bundles, as the executable has them, because
 * starting from TypeScript sources costs what no user of the executable pays.
 *
 * @module
 */

import { bundle } from "../../.ci/bundle.ts";

/** Names the directory of a bundle that exists, so that `deno task bench` makes it once. */
export const BUNDLE = "RUN_OUTPUTS_BENCH_BUNDLE";

const SELVES = ["extract", "line", "pack", "transfer"].map((name) => `tests/bench/${name}_self.ts`);

/** A bundle; disposing of it deletes it, unless another process has made it. */
export interface Bundled extends AsyncDisposable {
  /** `cli.js` is in it, and `tests/bench/*_self.js`. */
  readonly dir: string;
}

/** Makes the bundle, or uses the one that the environment names. */
export async function bundled(): Promise<Bundled> {
  const existing = Deno.env.get(BUNDLE);
  const dir = existing ?? await Deno.makeTempDir({ prefix: "run-outputs-bundle-" });
  if (existing === undefined) await bundle(dir, SELVES);
  return {
    dir,
    async [Symbol.asyncDispose]() {
      if (existing === undefined) await Deno.remove(dir, { recursive: true });
    },
  };
}
