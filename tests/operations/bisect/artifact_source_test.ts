/** Where a bisect's artifacts are from: found, fetched, fetched ahead, removed. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { openGithub } from "../../../src/github/open.ts";
import {
  type BisectArtifactOptions,
  bisectArtifacts,
} from "../../../src/operations/bisect/artifact_source.ts";
import type { BisectSource } from "../../../src/operations/bisect/source.ts";
import type { BisectRun } from "../../../src/operations/bisect/state.ts";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import type { ReadOptions } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { ContentCache } from "../../../src/storage/cache/content_cache.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { unfinishedName } from "../../../src/runs/unfinished_part.ts";
import { manifestPart, putExpected, putPart } from "../../support/manifest.ts";
import { ARCHIVE, bisectWorld, numberIn } from "../../support/bisect_world.ts";
import { rejectsWith } from "../../support/errors.ts";
import { sha } from "../../support/github_server.ts";
import { tempDir } from "../../support/temp_dir.ts";

const commit = (number: number) => ({ sha: sha(number), parents: [], title: "", date: "" });

/** A storage whose archives come when a test lets them. */
class SlowBackend extends MemoryBackend {
  reads = 0;
  /** Called before each read of an archive. */
  before: (signal: AbortSignal | undefined) => Promise<void> = () => Promise.resolve();

  override async read(location: OutputLocation, options: ReadOptions = {}) {
    if (location.name === ARCHIVE) {
      this.reads++;
      await this.before(options.signal);
    }
    return await super.read(location, options);
  }
}

/** Commits 0 to 4, of which 2 and 3 have no artifacts. */
async function setting() {
  const temp = await tempDir();
  const backend = new SlowBackend();
  const world = await bisectWorld({ count: 4, lacking: [2, 3], backend });
  const outputDir = join(temp.path, "commits");
  const options: BisectArtifactOptions = {
    github: openGithub({ apiUrl: world.server.url, second: 1 }),
    backend,
    repository: "ROCm/TheRock",
    platform: "linux",
    outputDir,
    mode: "extract",
    cache: await ContentCache.open(join(temp.path, "cache")),
  };
  return {
    backend,
    state: world.server.state,
    apiUrl: world.server.url,
    outputDir,
    options,
    source: bisectArtifacts(options),
    async [Symbol.asyncDispose]() {
      await world[Symbol.asyncDispose]();
      await temp[Symbol.asyncDispose]();
    },
  };
}

async function runsOf(source: BisectSource, number: number): Promise<readonly BisectRun[]> {
  const found = await source.find(commit(number), {});
  assert(found.status === "yes");
  return found.runs;
}

Deno.test("bisectArtifacts(): where a commit's artifacts are, or why there are none", async () => {
  await using s = await setting();
  assert.deepEqual(await runsOf(s.source, 1), [{
    run_id: "1001",
    url: "https://github.com/ROCm/TheRock/actions/runs/1001",
    bucket: "therock-ci-artifacts",
    external_repo: "",
    groups: [],
  }]);
  const reason = async (source: BisectSource, number: number) => {
    const found = await source.find(commit(number), {});
    assert(found.status === "no");
    return found.reason;
  };
  assert.match(await reason(s.source, 2), /^run 1002: /);
  assert.equal(await reason(s.source, 3), "multi_arch_ci.yml has no run for it");
  const other = bisectArtifacts({ ...s.options, artifactGroups: ["gfx942", "gfx1151"] });
  assert.match(
    await reason(other, 1),
    /^nothing for gfx1151; run 1001: .*there are artifacts for gfx942$/,
  );
});

Deno.test("bisectArtifacts(): a run that may lack something is rejected", async () => {
  await using s = await setting();
  const artifactGroups = ["gfx942"];
  const reason = async (more: Partial<BisectArtifactOptions> = {}) => {
    const source = bisectArtifacts({
      ...s.options,
      artifactGroups,
      github: openGithub({ apiUrl: s.apiUrl, second: 1 }),
      ...more,
    });
    const found = await source.find(commit(1), {});
    return found.status === "no" ? found.reason : "";
  };
  const { runs = [] } = s.state;
  s.state.runs = runs.map((run) => ({ ...run, status: "in_progress", conclusion: null }));
  assert.equal(await reason(), "nothing for gfx942; run 1001: it has not finished");
  s.state.runs = runs;
  assert.equal(await reason(), "");

  const root = RunOutputRoot.fromWorkflowRun({ runId: 1001, platform: "linux" });
  const mark = (part: string) => root.outputsManifestDir().join(unfinishedName(part));
  await s.backend.write(mark("build.gfx1151"), bytesSource("{}"));
  assert.equal(await reason(), "", "another GPU's");
  await s.backend.write(mark("build.gfx94X-dcgpu"), bytesSource("{}"));
  const failed = /run 1001: it is incomplete: the part build\.gfx94X-dcgpu is incomplete$/;
  assert.match(await reason(), failed);
  assert.match(await reason({ artifactGroups: [] }), /build\.gfx1151 is incomplete; the part/);
  await s.backend.delete(mark("build.gfx94X-dcgpu"));

  await putPart(s.backend, root, manifestPart("logs", []));
  await putExpected(s.backend, root, ["logs", "build.gfx110X-all", "stage.math-libs"]);
  assert.match(await reason(), /it is incomplete: the part stage\.math-libs is missing$/);
  // A run of the same commit that has all of it is taken in its place.
  s.state.runs = [...runs, { id: 2001, sha: sha(1), createdAt: "2026-05-31T00:00:00Z" }];
  const second = RunOutputRoot.fromWorkflowRun({ runId: 2001, platform: "linux" });
  await s.backend.copy(root.artifact(ARCHIVE), second.artifact(ARCHIVE));
  assert.equal(await reason(), "");
  s.state.runs = runs;
  await s.backend.write(root.outputsManifest("logs"), bytesSource("{"));
  assert.match(await reason(), /run 1001: Cannot read .*logs\.json/);
});

Deno.test("bisectArtifacts(): a directory for each commit, until it is discarded", async () => {
  await using s = await setting();
  const one = await s.source.fetch(commit(1), await runsOf(s.source, 1), {});
  const four = await s.source.fetch(commit(4), await runsOf(s.source, 4), {});
  assert.deepEqual([await numberIn(one), await numberIn(four)], [1, 4]);
  assert.equal(await s.source.has(one), true);
  await s.source.discard(sha(1));
  await s.source.discard(sha(1));
  assert.deepEqual([await s.source.has(one), await s.source.has(four)], [false, true]);
  const left = await Array.fromAsync(Deno.readDir(s.outputDir), ({ name }) => name);
  assert.deepEqual(left, [sha(4).slice(0, 12)]);
});

Deno.test("bisectArtifacts(): what was fetched ahead is not read again", async () => {
  await using s = await setting();
  const runs = await runsOf(s.source, 1);
  await s.source.prefetch!(commit(1), runs, {});
  const { reads } = s.backend;
  await s.source.fetch(commit(1), runs, {});
  assert.equal(s.backend.reads, reads);
  const without = bisectArtifacts({ ...s.options, cache: undefined });
  assert.equal(without.prefetch, undefined);
});

Deno.test("bisectArtifacts(): a prefetch ends only when none of it is in progress", async () => {
  await using s = await setting();
  const runs = await runsOf(s.source, 1);
  const controller = new AbortController();
  let underWay = 0;
  s.backend.before = async (signal) => {
    underWay++;
    const aborted = new Promise((resolve) =>
      signal!.addEventListener("abort", resolve, { once: true })
    );
    controller.abort(new Error("the test has ended"));
    await aborted;
    // Cleaning up takes its time.
    await new Promise((resolve) => setTimeout(resolve, 30));
    underWay--;
    signal!.throwIfAborted();
  };
  await assert.rejects(s.source.prefetch!(commit(1), runs, { signal: controller.signal }));
  assert.equal(underWay, 0);
  s.backend.before = () => Promise.resolve();
  const waits: string[] = [];
  const next = bisectArtifacts({ ...s.options, onWait: (name) => waits.push(name) });
  assert.equal(await numberIn(await next.fetch(commit(1), runs, {})), 1);
  assert.deepEqual(waits, []);
});

Deno.test("bisectArtifacts(): broken and missing archives are reported as such", async () => {
  await using s = await setting();
  const runs = await runsOf(s.source, 1);
  const archive = RunOutputRoot.fromWorkflowRun({ runId: 1001, platform: "linux" })
    .artifact(ARCHIVE);
  const { size } = await s.backend.stat(archive);
  await s.backend.write(archive, bytesSource(new Uint8Array(size)));
  await rejectsWith(s.source.fetch(commit(1), runs, {}), "integrity", ARCHIVE);
  await s.backend.delete(archive);
  await rejectsWith(s.source.fetch(commit(1), runs, {}), "not_found", ARCHIVE);
});
