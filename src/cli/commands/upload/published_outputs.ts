/**
 * Step outputs that jobs of the same workflow read: where Python packages and tarballs are. Their
 * names and values are a contract with those jobs.
 *
 * @module
 */

import type { OutputLocation } from "../../../layout/output_location.ts";
import type { RunOutputRoot } from "../../../layout/run_output_root.ts";

/** What an upload has written, for its outputs. */
export interface Published {
  /** The run. */
  readonly root: RunOutputRoot;
  /** The files, relative to the run, also those that failed. */
  readonly paths: readonly string[];
  /** Whether a file was uploaded, or is there already. */
  readonly exists: (location: OutputLocation) => boolean;
  /** Whether an index page is there, or the server will write it. */
  readonly hasPage: (page: OutputLocation) => boolean;
  /** The URL of a location. */
  readonly url: (location: OutputLocation) => string;
}

/**
 * The outputs of an upload of Python packages.
 *
 * @param published The upload.
 * @param multiarch Whether the packages are of a multi-arch build.
 * @returns `package_find_links_url`: the page for pip; for packages in directories of GPU families
 * the directory above, as jobs append `/{family}/index.html`; empty if a page is missing.
 * `kpack_split`: `true` for a multi-arch build without such directories, else `false`.
 */
export function pythonOutputs(
  { root, paths, hasPage, url }: Published,
  multiarch: boolean,
): Record<string, string> {
  const files = paths.map((path) => path.split("/")).filter(([dir]) => dir === "python");
  if (files.length === 0) return {};
  const groups = new Set(files.filter(({ length }) => length > 2).map(([, group]) => group));
  const pages = groups.size === 0
    ? [root.pythonIndex()]
    : [...groups].map((group) => root.pythonIndex(group));
  const where = groups.size === 0 || !multiarch ? pages[0] : root.pythonPackages();
  return {
    "package_find_links_url": pages.every(hasPage) ? url(where) : "",
    "kpack_split": `${multiarch && groups.size === 0}`,
  };
}

/**
 * The outputs of an upload of tarballs.
 *
 * @param published The upload.
 * @returns `tarball_urls`, a JSON object: as `multiarch` the URL of the first tarball, by name, of
 * the whole multi-arch distribution; nothing, if there is none.
 */
export function tarballOutputs(published: Published): Record<string, string> {
  const { root, exists, url } = published;
  const name = multiarchTarball(published);
  if (name === undefined || !exists(root.tarball(name))) return {};
  return { "tarball_urls": JSON.stringify({ multiarch: url(root.tarball(name)) }) };
}

/**
 * Why `tarball_urls` is not set.
 *
 * @param published The upload.
 * @returns A note; nothing if it is set, or a failure is the reason.
 */
export function tarballNote(published: Published): string | undefined {
  if (published.paths.length === 0 || multiarchTarball(published) !== undefined) return undefined;
  return `output tarball_urls not set: no tarball is named '${prefixOf(published)}…' ` +
    "(without '-tests-' and '-hpc-')";
}

/** The name of the tarball of the whole multi-arch distribution. */
function multiarchTarball(published: Published): string | undefined {
  const prefix = prefixOf(published);
  return published.paths.filter((path) => path.startsWith("tarballs/"))
    .map((path) => path.slice("tarballs/".length)).sort()
    .find((name) => name.startsWith(prefix) && !/-(?:tests|hpc)-/.test(name));
}

function prefixOf({ root }: Published): string {
  return `therock-dist-${root.platform}-multiarch-`;
}
