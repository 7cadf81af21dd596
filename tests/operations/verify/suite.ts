/**
 * Verification, repair and comparison of runs, on any storage.
 *
 * @module
 */

import assert from "node:assert/strict";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { diffRuns } from "../../../src/operations/diff/diff.ts";
import { NO_MANIFEST, readOutputs } from "../../../src/operations/manifest/read.ts";
import { isRepairable, renewParts, repairFiles } from "../../../src/operations/verify/repair.ts";
import type { VerifiedFile } from "../../../src/operations/verify/verified_file.ts";
import { verifyRun, type VerifyRunOptions } from "../../../src/operations/verify/execute.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { noise, sha256 } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { manifestPart, outputFile, putExpected, putPart } from "../../support/manifest.ts";
import type { Subject } from "../../storage/backend_suite.ts";

const A = "a_lib_generic.tar.zst";
const B = "b_lib_gfx942.tar.xz";
const SUM = ".sha256sum";
const BIG = noise(3_000_000, 5);

/** Registers the tests for a storage. */
export function verifySuite(name: string, open: () => Promise<Subject>): void {
  const test = (title: string, fn: (run: Run) => Promise<void>) =>
    Deno.test(`${name}: ${title}`, async () => {
      await using subject = await open();
      await fn(new Run(subject));
    });

  test("verifyRun(): verifies each file with the manifest, else with its checksum file", async (run) => {
    await run.put({
      [A]: BIG,
      [A + SUM]: `${sha256(BIG)}\n`,
      "logs/g/build.log": "log",
      "logs/g/other.log": "lug",
      "logs/g/short.log": "l",
      "index.html": "<html>",
      "notes.txt": "a note",
      [B]: "b",
      [B + SUM]: `${sha256("b")}  ${B}\n`,
      [`c_lib_generic.tar.zst${SUM}`]: sha256("c"),
      [`d_lib_generic.tar.zst`]: "d",
      [`d_lib_generic.tar.zst${SUM}`]: sha256("not d"),
    });
    await run.tell("p", {
      [A]: BIG,
      [A + SUM]: `${sha256(BIG)}\n`,
      "logs/g/build.log": "log",
      "logs/g/gone.log": "gone",
      "logs/g/other.log": "log",
      "logs/g/short.log": "log",
    });
    assert.deepEqual(await run.verdicts(), {
      [A]: "ok bytes",
      [A + SUM]: "ok bytes",
      [B]: "extra bytes",
      [B + SUM]: "extra",
      "c_lib_generic.tar.zst": "missing not_found",
      [`c_lib_generic.tar.zst${SUM}`]: "extra",
      "d_lib_generic.tar.zst": "wrong-hash bytes integrity",
      [`d_lib_generic.tar.zst${SUM}`]: "extra",
      "index.html": "made",
      "logs/g/build.log": "ok bytes",
      "logs/g/gone.log": "missing not_found",
      "logs/g/other.log": "wrong-hash bytes integrity",
      "logs/g/short.log": "wrong-size size integrity",
      "manifests/outputs/p.json": "made",
      "notes.txt": "extra",
    });
  });

  test("verifyRun(): without a manifest the checksums alone", async (run) => {
    await run.put({
      [A]: "a",
      [A + SUM]: sha256("a"),
      [B]: "b",
      [B + SUM]: sha256("not b"),
      [`broken.tar${SUM}`]: "what?",
      "broken.tar": "x",
      "index.html": "<html>",
      "logs/g/build.log": "log",
    });
    assert.deepEqual(await run.verdicts({ manifest: NO_MANIFEST }), {
      [A]: "ok bytes",
      [A + SUM]: "ok bytes",
      [B]: "wrong-hash bytes integrity",
      [B + SUM]: "ok bytes",
      "broken.tar": "unchecked",
      [`broken.tar${SUM}`]: "failed integrity",
      "index.html": "made",
      "logs/g/build.log": "unchecked",
    });
  });

  test("verifyRun() quick: no file is read", async (run) => {
    const files = {
      [A]: "a",
      [A + SUM]: sha256("a"),
      "logs/g/x.log": "log",
      "logs/g/y.log": "log",
    };
    await run.put(files);
    await run.tell("p", { ...files, "logs/g/z.log": "log", "logs/g/y.log": "longer" });
    const reads: string[] = [];
    const found = await run.verify({
      quick: true,
      onEvent: (event) => event.type === "start" && reads.push(event.path),
    });
    assert.deepEqual(reads, []);
    const by = run.records ? "record" : "size";
    assert.deepEqual(verdictsOf(found), {
      [A]: `ok ${by}`,
      [A + SUM]: `ok ${by}`,
      "logs/g/x.log": `ok ${by}`,
      "logs/g/y.log": "wrong-size size integrity",
      "logs/g/z.log": "missing not_found",
      "manifests/outputs/p.json": "made",
    });
  });

  test("repairFiles(): only what is wrong, only with the right bytes", async (run) => {
    const files = {
      [A]: BIG,
      [A + SUM]: sha256(BIG),
      "logs/g/x.log": "log",
      "logs/g/y.log": "log",
    };
    await run.put(files);
    await run.tell("p", files);
    const copy = new MemoryBackend();
    for (const path of [`artifacts/${A}`, "logs/g/y.log"]) {
      await copy.write(ROOT.file(path), bytesSource(path.endsWith(A) ? BIG : "log"));
    }
    await copy.write(ROOT.file("logs/g/x.log"), bytesSource("lug"));

    // As large, with other content: where hashes are on record, this one is wrong too.
    await run.put({ [A]: noise(BIG.length, 6), "logs/g/x.log": "lag" });
    await run.backend.delete(run.root.file("logs/g/y.log"));
    const bad = (await run.verify()).filter(isRepairable);
    assert.deepEqual(bad.map(({ path, verdict }) => `${verdict} ${path}`).sort(), [
      `missing logs/g/y.log`,
      `wrong-hash ${A}`,
      `wrong-hash logs/g/x.log`,
    ]);
    const [to, from] = [{ backend: run.backend, root: run.root }, { backend: copy, root: ROOT }];
    const planned = await repairFiles(bad, to, from, { dryRun: true });
    assert.deepEqual(new Set(planned.map(({ outcome }) => outcome)), new Set(["planned"]));
    assert.equal((await run.verify()).filter(isRepairable).length, 3);

    const results = await repairFiles(bad, to, from);
    const outcomes = Object.fromEntries(results.map((result, i) => [bad[i].path, result]));
    assert.equal(outcomes[A].outcome, "written");
    assert.equal(outcomes["logs/g/y.log"].outcome, "written");
    assert.equal(outcomes["logs/g/x.log"].outcome, "failed");
    assert.match(outcomes["logs/g/x.log"].error!.message, /Could not repair .*x\.log/);
    const after = await run.verdicts();
    assert.equal(after[A], "ok bytes");
    assert.equal(after["logs/g/y.log"], "ok bytes");
    assert.equal(after["logs/g/x.log"], "wrong-hash bytes integrity");
  });

  test("renewParts(): the same bytes, and nothing if somebody has written there", async (run) => {
    await run.put({ "x.txt": "x" });
    await run.tell("p", { "x.txt": "x" });
    const { parts } = await readOutputs(run.backend, run.root);
    const place = { backend: run.backend, root: run.root };
    await renewParts(place, parts);
    const renewed = await readOutputs(run.backend, run.root);
    assert.deepEqual(renewed.parts[0].head, parts[0].head);
    assert.deepEqual(await run.verdicts(), {
      "manifests/outputs/p.json": "made",
      "x.txt": "ok bytes",
    });
    await run.tell("p", { "x.txt": "x", "y.txt": "y" });
    await rejectsWith(renewParts(place, renewed.parts), "conflict");
  });

  test("diffRuns(): added, removed and changed files, and what was compared", async (run) => {
    const other = new Run(run.subject, 124);
    await run.put({ "a.txt": "a", "b.txt": "b", "c.txt": "c", "d.txt": "d", "index.html": "1" });
    await other.put({ "a.txt": "a", "b.txt": "bb", "c.txt": "C", "e.txt": "e", "index.html": "2" });
    const changes = async (read = false) => {
      const found = await Array.fromAsync(diffRuns(run.side, other.side, { read }));
      return Object.fromEntries(
        found.map(({ path, change, comparedBy = "" }) => [path, `${change} ${comparedBy}`.trim()]),
      );
    };
    const rest = { "b.txt": "changed size", "d.txt": "removed", "e.txt": "added" };
    const known = { "a.txt": "same hash", "c.txt": "changed hash", ...rest };
    assert.deepEqual(
      await changes(),
      run.records ? known : { "a.txt": "unsure size", "c.txt": "unsure size", ...rest },
    );
    assert.deepEqual(await changes(true), known);
    // Told by both manifests, nothing of it is looked at.
    await run.tell("p", { "a.txt": "a", "b.txt": "b", "c.txt": "c", "d.txt": "d" });
    await other.tell("p", { "a.txt": "a", "b.txt": "bb", "c.txt": "C", "e.txt": "e" });
    await putExpected(run.backend, run.root, ["p"]);
    await putExpected(run.backend, other.root, ["p"]);
    assert.deepEqual(await changes(), known);
  });
}

const ROOT = RunOutputRoot.forLocal({ platform: "linux" });

/** A run in some storage. */
class Run {
  readonly subject: Subject;
  readonly backend: Subject["backend"];
  readonly root: RunOutputRoot;

  constructor(subject: Subject, runId = 123) {
    this.subject = subject;
    this.backend = subject.backend;
    this.root = new RunOutputRoot({ bucket: subject.bucket, runId, platform: "linux" });
  }

  /** Whether the storage has hashes on record. */
  get records(): boolean {
    return this.backend.name !== "local";
  }

  get side() {
    return { backend: this.backend, root: this.root };
  }

  async put(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      await this.backend.write(this.root.file(path), bytesSource(content));
    }
  }

  async tell(part: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    const all = Object.entries(files).map(([path, content]) => outputFile(path, content));
    await putPart(this.backend, this.root, manifestPart(part, all));
  }

  async verify(options: VerifyRunOptions = {}): Promise<VerifiedFile[]> {
    return await Array.fromAsync(verifyRun(this.backend, this.root, options));
  }

  async verdicts(options: VerifyRunOptions = {}): Promise<Record<string, string>> {
    return verdictsOf(await this.verify(options));
  }
}

/** Verdict, by what, and the error's code. */
export function verdictsOf(files: readonly VerifiedFile[]): Record<string, string> {
  return Object.fromEntries(
    files.map(({ path, verdict, checkedBy = "", error }) => [
      path,
      [verdict, checkedBy, error?.code].filter(Boolean).join(" "),
    ]).sort(([a], [b]) => a < b ? -1 : 1),
  );
}
