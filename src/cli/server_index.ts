/**
 * Index pages that the bucket's server writes after each upload, replacing ours.
 *
 * @module
 */

import { bucketInfo } from "../layout/bucket_inventory.ts";
import type { RunOutputRoot } from "../layout/run_output_root.ts";
import type { OpenStorage } from "./storage.ts";

/** Options of a command that makes index pages. */
export interface IndexOptions {
  /** `true` with `--index`, `false` with `--no-index`. */
  readonly index?: boolean;
}

/**
 * Whether the index pages are left to the server: it would replace ours. Another server than
 * Amazon's has no such function, whatever its bucket is called.
 *
 * @param root The run.
 * @param storage Where it goes.
 * @param options The value of `--index` or `--no-index`.
 * @returns Whether the pages are the server's.
 */
export function isServerIndexed(
  root: RunOutputRoot,
  { dir, url }: Pick<OpenStorage, "dir" | "url">,
  { index }: IndexOptions,
): boolean {
  if (index === true || dir !== undefined) return false;
  const page = root.runIndex();
  return bucketInfo(root.bucket)?.serverIndex === true && url(page) === page.httpsUrl;
}
