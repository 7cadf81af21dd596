/**
 * Storage with the artifacts of runs, for tests that look for them.
 *
 * @module
 */

import { bytesSource } from "../../src/storage/byte_source.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";
import type { RunPlace } from "../../src/operations/copy/plan.ts";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { sha256 } from "./bytes.ts";

/** The content of an archive in a place, so that each place's is another. */
export function contentOf(place: string, name: string): Uint8Array {
  return new TextEncoder().encode(`${name} in ${place}\n`);
}

/**
 * Puts archives, with their checksums, into a place.
 *
 * @param place A bucket and a prefix in it, like `therock-ci-artifacts/1-linux`.
 * @param names The archives' file names; names of other files stay without a checksum.
 */
export async function putRun(
  backend: StorageBackend,
  place: string,
  names: readonly string[],
): Promise<void> {
  const [bucket, ...prefix] = place.split("/");
  const put = (name: string, bytes: Uint8Array) =>
    backend.write(new OutputLocation(bucket, [...prefix, name].join("/")), bytesSource(bytes));
  for (const name of names) {
    const bytes = contentOf(place, name);
    await put(name, bytes);
    if (!/\.tar\.(?:zst|xz)$/.test(name)) continue;
    await put(`${name}.sha256sum`, new TextEncoder().encode(`${sha256(bytes)}\n`));
  }
}

/** Puts files into a run, all of one content type that nothing would guess. */
export async function putFiles(
  { backend, root }: RunPlace,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await backend.write(root.file(path), bytesSource(text), { contentType: "text/x-own" });
  }
}
