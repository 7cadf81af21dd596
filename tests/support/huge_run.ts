/**
 * A run with any number of files that are nowhere: a storage makes its manifest and its listing
 * while they are read.
 *
 * @module
 */

import { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import type { OutputLocation } from "../../src/layout/output_location.ts";
import { RunOutputsError } from "../../src/errors/error.ts";
import { partText } from "../../src/runs/format_part.ts";
import type { ManifestHead, OutputFile } from "../../src/runs/manifest.ts";
import type { ObjectInfo, StorageBackend } from "../../src/storage/backend.ts";
import { bytesSource, piecesSource } from "../../src/storage/byte_source.ts";

/** Such a run. */
export interface HugeRun {
  readonly root: RunOutputRoot;
  readonly backend: StorageBackend;
  /** The bytes of its parts. */
  readonly bytes: number;
}

/** Makes a run whose files are in several parts, in turns. */
export function hugeRun(count: number, parts: number, complete: boolean): HugeRun {
  const root = RunOutputRoot.forLocal({ runId: "123", platform: "linux" });
  const names = Array.from({ length: parts }, (_, i) => `part-${i}`);
  const modified = new Date("2026-11-20T12:00:00.5Z");
  const sources = new Map([
    ...names.map((part, i) => {
      const make = () => partText(headOf(part), filesOf(count, i, parts));
      return [root.outputsManifest(part).key, piecesSource(make)] as const;
    }),
    ...(complete
      ? [
        [
          root.expectedParts().key,
          bytesSource(JSON.stringify({ schema: "run-outputs.expected-parts/1", parts: names })),
        ] as const,
      ]
      : []),
  ]);
  const infoOf = (location: OutputLocation, size: number): ObjectInfo => ({
    location,
    size,
    etag: "1",
    modified,
  });
  const never = () => Promise.reject(new RunOutputsError("denied", "nothing is written here"));
  const backend: StorageBackend = {
    name: "huge",
    writes: false,
    stat: never,
    async *list(prefix, { recursive = true } = {}) {
      if ([root.outputsManifestDir(), root.manifestsDir()].some((dir) => dir.equals(prefix))) {
        for (const [key, { size }] of sources) {
          yield infoOf(prefix.join(key.slice(prefix.key.length + 1)), size);
        }
        return;
      }
      for (const { path, size } of filesOf(count, 0, 1)) {
        if (recursive || !path.includes("/")) yield infoOf(prefix.join(path), size);
      }
    },
    read(location) {
      const source = sources.get(location.key);
      if (source === undefined) {
        return Promise.reject(new RunOutputsError("not_found", `${location} does not exist`));
      }
      const chunks = source.open()[Symbol.asyncIterator]();
      return Promise.resolve({
        info: infoOf(location, source.size),
        [Symbol.asyncIterator]: () => chunks,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
    write: never,
    copy: never,
    delete: never,
    children: () => {
      throw new RunOutputsError("failed", "nothing needs one level");
    },
    deleteAll: never,
  };
  const bytes = [...sources.values()].reduce((sum, { size }) => sum + size, 0);
  return { root, backend, bytes };
}

function headOf(part: string): ManifestHead {
  return {
    schema: "run-outputs.manifest/1",
    layout: "flat",
    run: { run_id: "123", platform: "linux" },
    part,
    created_at: "2026-11-20T12:00:00.000Z",
    tool: "test",
  };
}

/** Every `step`th file from the `first` on, in order. */
export function* filesOf(count: number, first: number, step: number): Generator<OutputFile> {
  for (let i = first; i < count; i += step) {
    const number = `${i}`.padStart(8, "0");
    yield {
      path: `logs/gfx94X-dcgpu/${number.slice(0, 5)}/test-${number}.log`,
      kind: "log",
      size: i,
      sha256: number.repeat(8),
      content_type: "text/plain; charset=utf-8",
    };
  }
}
