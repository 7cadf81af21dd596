/**
 * A line of commits on a GitHub of the test's own, and what CI has built of them: an archive each,
 * with the commit's number in it, in storage.
 *
 * @module
 */

import { join } from "node:path";
import { listMembers } from "../../src/archive/tar/list_members.ts";
import { pack } from "../../src/archive/pack/pack.ts";
import { OutputLocation } from "../../src/layout/output_location.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { collect, sha256 } from "./bytes.ts";
import { type GithubServer, sha, startGithub } from "./github_server.ts";
import { tempDir, writeTree } from "./temp_dir.ts";

/** The archive of each commit. */
export const ARCHIVE = "blas_lib_gfx942.tar.zst";

/** Where an unpacked archive has the number of its commit. */
export const NUMBER = "blas_lib_gfx942/stage/number.txt";

/** What there is. */
export interface BisectWorldOptions {
  /** How many commits there are behind the good one, number 0. */
  readonly count: number;
  /** The numbers of commits without artifacts. */
  readonly lacking?: readonly number[];
  /** The storage. */
  readonly backend: StorageBackend;
  /** The bucket. Default: that of the rules. */
  readonly bucket?: string;
  /** How the archives are compressed. Default: zst. */
  readonly compression?: "xz" | "zst";
}

/** A running world. */
export interface BisectWorld extends AsyncDisposable {
  /** The GitHub. */
  readonly server: GithubServer;
  /** What a command's environment needs. */
  readonly env: Readonly<Record<string, string>>;
  /** How often each commit's runs were asked for, by its number. */
  asked(): Readonly<Record<number, number>>;
}

/** Makes one. Every second commit that lacks artifacts has a run without them, the others none. */
export async function bisectWorld(options: BisectWorldOptions): Promise<BisectWorld> {
  const { count, lacking = [], backend, bucket = "therock-ci-artifacts" } = options;
  const { compression = "zst" } = options;
  const numbers = Array.from({ length: count + 1 }, (_, number) => number);
  const built = numbers.filter((number) => !lacking.includes(number));
  for (const number of built) await putArtifacts(backend, bucket, number, compression);
  const server = startGithub({
    refs: { v1: sha(0) },
    commits: numbers.toReversed().map((number) => ({
      sha: sha(number),
      message: `change ${number}\n\nand why`,
      parents: number === 0 ? [] : [sha(number - 1)],
    })),
    runs: numbers.filter((number) => built.includes(number) || number % 2 === 0).map((number) => ({
      id: 1000 + number,
      sha: sha(number),
      createdAt: "2026-06-01T00:00:00Z",
    })),
  });
  return {
    server,
    env: { GITHUB_API_URL: server.url, GH_TOKEN: "a-token-of-a-test" },
    asked: () =>
      Object.fromEntries(
        numbers.map((number) =>
          [
            number,
            server.requests.filter((path) => path.includes(`head_sha=${sha(number)}`)).length,
          ] as const
        ).filter(([, times]) => times > 0),
      ),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** The number of the commit whose artifacts are in a directory. */
export async function numberIn(directory: string): Promise<number> {
  return Number(await Deno.readTextFile(join(directory, NUMBER)));
}

/** The numbers of commits, by their SHAs. */
export function numberOf(commit: string): number {
  for (let number = 0;; number++) if (sha(number).startsWith(commit)) return number;
}

async function putArtifacts(
  backend: StorageBackend,
  bucket: string,
  number: number,
  compression: "xz" | "zst",
): Promise<void> {
  await using temp = await tempDir();
  await writeTree(temp.path, {
    "artifact_manifest.txt": "stage\n",
    "stage/number.txt": `${number}`,
    "stage/lib/blas.so": "blas".repeat(1000 + number),
  });
  const members = await listMembers(temp.path, { first: "artifact_manifest.txt" });
  const bytes = await collect(pack(members, { compression }));
  const at = new OutputLocation(
    bucket,
    `${1000 + number}-linux/${ARCHIVE.replace(/zst$/, compression)}`,
  );
  await backend.write(at, bytesSource(bytes));
  const sidecar = new OutputLocation(bucket, `${at.key}.sha256sum`);
  await backend.write(sidecar, bytesSource(new TextEncoder().encode(`${sha256(bytes)}\n`)));
}
