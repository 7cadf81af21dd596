/**
 * Retained runs for tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { z } from "zod";
import { jsonStream } from "../../src/layout/json_text.ts";
import { classify } from "../../src/layout/classify.ts";
import { RunOutputRoot } from "../../src/layout/run_output_root.ts";
import {
  runOperation,
  type RunsContext,
  type RunsOperation,
} from "../../src/operations/retained/operation.ts";
import { RUNS_OPERATIONS } from "../../src/operations/retained/operations.ts";
import { RunIndex } from "../../src/operations/retained/run_index.ts";
import { formatPart } from "../../src/runs/format_part.ts";
import type { ManifestRun } from "../../src/runs/manifest.ts";
import { parseRunKey } from "../../src/runs/retention/run_key.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { MemoryBackend } from "../../src/storage/memory.ts";
import type { Subject } from "../storage/backend_suite.ts";
import { manifestPart, outputFile, putExpected, putPart } from "./manifest.ts";
import { memoryS3 } from "./s3_subject.ts";
import { tempDir } from "./temp_dir.ts";
import { RETENTION_SCHEMA, type RetentionSummary } from "../../src/runs/retention/summary.ts";

/** A summary with every member. */
export const SUMMARY: RetentionSummary = {
  schema: RETENTION_SCHEMA,
  run: { external_repo: "a-b/", run_id: "123", platform: "linux" },
  repository: "a/b",
  commit: "4f2d1c0a",
  branch: "main",
  workflow: "ci.yml",
  attempts: [1, 2],
  origin_runs: ["99-linux"],
  created_at: "2026-11-20T12:00:00.000Z",
  updated_at: "2026-11-20T13:00:00.000Z",
  completeness: "incomplete",
  incomplete_because: ["part b is missing"],
  missing_parts: ["b"],
  missing_files: 1,
  uploading: { since: "2026-11-20T12:30:00.000Z", parts: ["b"] },
  artifact_manifest: { status: "partial", reason: "part b is missing" },
  files: 2,
  bytes: 30,
  kinds: { artifact: { files: 1, bytes: 10 }, report: { files: 1, bytes: 20 } },
  groups: ["gfx94X-dcgpu"],
  reports: [{ path: "logs/g/report.html", size: 20 }],
  reports_truncated: true,
  inputs: [{ name: "a.json", size: 1, etag: "e" }],
  basis: "manifest",
  tool: "run-outputs/0.1.0",
  written_at: "2026-11-20T13:00:01.000Z",
};

/** What a run for tests has. */
export interface TestRun {
  /** Files that are listed in a part of the same name: part name to paths. */
  readonly parts?: Readonly<Record<string, readonly string[]>>;
  /** Files that no part lists. */
  readonly files?: readonly string[];
  /** The expected parts. */
  readonly expected?: readonly string[];
  /** Parts with a marker. */
  readonly marked?: readonly string[];
  /** Members of the parts' `run`. */
  readonly run?: Partial<ManifestRun>;
  /** When its parts were written. */
  readonly at?: string;
  /** The bucket. Default: `suite`. */
  readonly bucket?: string;
}

/** The root of a run, by its key. */
export function rootOf(key: string, bucket = "suite"): RunOutputRoot {
  return new RunOutputRoot({ bucket, ...parseRunKey(key) });
}

/** Puts a run into a storage. Each file has its own path as content. */
export async function putRun(
  backend: StorageBackend,
  key: string,
  { parts = {}, files = [], expected, marked = [], run = {}, at = TIME, bucket }: TestRun,
): Promise<void> {
  const root = rootOf(key, bucket);
  const { runId, platform } = root;
  const head = { run: { run_id: runId, platform, ...run }, created_at: at };
  for (const path of [...files, ...Object.values(parts).flat()]) {
    await backend.write(root.file(path), bytesSource(path));
  }
  for (const [part, paths] of Object.entries(parts)) {
    const kinds = paths.map((path) => outputFile(path, path, { kind: classify(path) }));
    await putPart(backend, root, manifestPart(part, kinds, head));
  }
  if (expected !== undefined) await putExpected(backend, root, expected);
  for (const part of marked) {
    const text = formatPart(manifestPart(part, [], { ...head, pending: ["pending.log"] }));
    await backend.write(root.outputsManifestDir().join(`${part}.incomplete`), bytesSource(text));
  }
}

const TIME = "2026-11-20T12:00:00.000Z";

/** Storages with the same content must give the same answers. */
export const STORAGES: Readonly<Record<string, () => Promise<Subject>>> = {
  memory: () =>
    Promise.resolve({
      backend: new MemoryBackend(),
      bucket: "suite",
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
  disk: async () => {
    const temp = await tempDir();
    return {
      backend: new LocalBackend(temp.path),
      bucket: "suite",
      [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
    };
  },
  s3: () => memoryS3(),
};

/** Runs an operation as a service does. */
export async function ask(
  backend: StorageBackend,
  name: keyof typeof RUNS_OPERATIONS,
  params: Readonly<Record<string, unknown>> = {},
  more: Partial<RunsContext> = {},
  now: () => Date = () => new Date("2026-11-30T00:00:00Z"),
  // deno-lint-ignore no-explicit-any -- a test asserts on what it expects
): Promise<any> {
  const index = new RunIndex({ backend, bucket: "suite", now });
  const operation = RUNS_OPERATIONS[name] as RunsOperation<z.ZodType, unknown>;
  const answer = await runOperation(operation, { index, tool: "test", ...more }, params);
  // As JSON, and with no member that its schema does not have.
  const json = JSON.parse((await Array.fromAsync(jsonStream(answer as object))).join(""));
  assert.deepEqual(operation.answer.parse(json), json);
  return json;
}
