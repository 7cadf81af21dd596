/** `run-outputs verify`, in process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import {
  exitCodeOfVerify,
  type Repairs,
  VerifyReport,
} from "../../../../src/cli/commands/verify/report.ts";
import { type ErrorCode, RunOutputsError } from "../../../../src/errors/error.ts";
import { OutputLocation } from "../../../../src/layout/output_location.ts";
import type { Verdict, VerifiedFile } from "../../../../src/operations/verify/verified_file.ts";
import { refused, run, runJson, runs } from "../../../support/command_line.ts";
import { makeNamesOutsideUtf8, takesAnyName } from "../../../support/odd_names.ts";
import { BUILD_KEYS, BUILD_PART, makeBuild, putArchives, RUN } from "../../../support/staging.ts";
import { startS3Server } from "../../../support/s3_server.ts";
import { snapshot } from "../../../support/snapshot.ts";
import { tempDir, writeTree } from "../../../support/temp_dir.ts";

const A = "fft_lib_gfx942.tar.xz";
const LOG = "logs/g/build.log";

/** A run on a disk, and a copy of it in `copy`. */
interface Staged {
  readonly dir: string;
  readonly staging: string;
  readonly run: string;
  readonly copy: string;
  /** The options that name the run. */
  readonly args: readonly string[];
}

function test(name: string, fn: (staged: Staged) => Promise<void>): void {
  Deno.test(name, async () => {
    await using temp = await tempDir();
    const [build, staging, mirror] = ["build", "staging", "mirror"].map((x) => join(temp.path, x));
    await makeBuild(build);
    const upload = ["upload", "build", "--artifact-group", "g", "--build-dir", build, "-q"];
    for (const out of [staging, mirror]) await runs(0, [...upload, "--output-dir", out, ...RUN]);
    await fn({
      dir: temp.path,
      staging,
      run: join(staging, "123-linux"),
      copy: join(mirror, "123-linux"),
      args: ["--staging-dir", staging, ...RUN],
    });
  });
}

/** Breaks three files: one has other content, one another size, one is gone. */
async function damage({ run }: Staged): Promise<void> {
  await Deno.writeFile(join(run, A), new Uint8Array(5000));
  await Deno.writeTextFile(join(run, "logs/g/comp-summary.md"), "?");
  await Deno.remove(join(run, LOG));
}

const DAMAGED = { [A]: "wrong-hash", "logs/g/comp-summary.md": "wrong-size", [LOG]: "missing" };

// deno-lint-ignore no-explicit-any -- a test asserts on what it expects
function verdicts(document: any): Record<string, string> {
  return Object.fromEntries(
    document.files.map(({ path, verdict }: Record<string, string>) => [path, verdict]),
  );
}

test("verify: a run as it was uploaded, in storage and as a directory", async (staged) => {
  const { out, err } = await runs(0, ["verify", ...staged.args]);
  assert.equal(err, "");
  assert.match(
    out,
    /^OK: 21 files, [\d.]+ kB: 15 OK, 6 skipped \(index pages, manifest and summary, regenerated on upload\); 15 verified by SHA-256; in .*123-linux\n$/,
  );
  const document = await runJson(0, ["verify", ...staged.args]);
  assert.equal(document.schema, "run-outputs.verify/1");
  assert.equal(document.counts.ok, BUILD_KEYS.length);
  assert.deepEqual(document.checked_by, { bytes: BUILD_KEYS.length, record: 0, size: 0 });
  assert.deepEqual(document.files, []);
  const directory = await runJson(0, ["verify", staged.run]);
  assert.equal(directory.directory, staged.run);
  assert.equal(directory.counts.ok, BUILD_KEYS.length);
  const quick = await runJson(0, ["verify", staged.run, "--quick"]);
  assert.deepEqual(quick.checked_by, { bytes: 0, record: 0, size: BUILD_KEYS.length });
});

test("verify: the examples of its help do what they say, on a run and its copy", async (staged) => {
  const { out } = await runs(0, ["verify", "--help"]);
  const examples = [...out.matchAll(/^ {2}run-outputs (verify .*\.\/.*)$/gm)].map(([, line]) =>
    line
  );
  assert(examples.length >= 4, out);
  for (const line of examples) {
    const args = line.replaceAll("12345", "123").replaceAll("./", `${staged.dir}/`).split(" ");
    await runs(0, [...args, ...args.includes("--run-id") ? ["--platform", "linux"] : []]);
  }
});

test("verify: one row per bad file with the reason, and totals; exit 6 for checksum mismatches", async (staged) => {
  await damage(staged);
  const before = await snapshot(staged.dir);
  const { out, err } = await runs(6, ["verify", ...staged.args, "-v"]);
  assert.match((await runs(6, ["verify", ...staged.args, "-q"])).out, /^FAILED: 21 files.*\n$/);
  assert.deepEqual(out.match(/^(wrong|missing).*$/gm), [
    `wrong-hash  5.0 kB  ${A}`,
    `missing             ${LOG}`,
    `wrong-size     1 B  logs/g/comp-summary.md`,
  ]);
  assert.match(
    out,
    /: 12 OK, 1 missing, 1 with size mismatch, 1 with checksum mismatch, 6 skipped/,
  );
  assert.match(
    err,
    /^error: Checksum mismatch: .*xz has sha256 [0-9a-f]{64}, manifest part build\.g says /m,
  );
  assert.match(err, /^error: Size mismatch: .* has 1 byte, manifest part build\.g says \d+$/m);
  assert.match(err, /^error: Missing: .*build\.log, listed in manifest part build\.g$/m);
  assert.match(out, /; 12 verified by SHA-256; /, "what is damaged is not verified");
  const document = await runJson(6, ["verify", ...staged.args]);
  assert.deepEqual(verdicts(document), DAMAGED);
  assert.deepEqual(document.checked_by, { bytes: 12, record: 0, size: 0 });
  assert.deepEqual(document.files[0].error.code, "integrity");
  assert.match(document.files[0].expected.sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(await snapshot(staged.dir), before);
});

test("verify: 7 for what is missing, files or parts; 3 for what is not there", async (staged) => {
  await Deno.remove(join(staged.run, LOG));
  await runs(7, ["verify", ...staged.args]);
  await Deno.rename(join(staged.copy, LOG), join(staged.run, LOG));
  await runs(0, ["verify", ...staged.args]);
  await refused(["verify", ...staged.args, "--kind", "tarball"], ["that kind"], { code: 3 });
  const parts = { schema: "run-outputs.expected-parts/1", parts: ["build.g", "build.h"] };
  await writeTree(staged.run, { "manifests/outputs/expected.json": JSON.stringify(parts) });
  const { err } = await runs(7, ["verify", ...staged.args]);
  assert.match(err, /^error: Missing: part build\.h of the outputs manifest/m);

  const elsewhere = ["--staging-dir", staged.staging, "--platform", "linux", "--run-id", "9"];
  await refused(["verify", ...elsewhere], ["run 9", "9-linux"], { code: 3 });
});

Deno.test({
  name:
    "verify: exit 7 for files with names that no list has; a checksum mismatch takes precedence",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    const archive = "a_lib_generic.tar.zst";
    await putArchives(temp.path, [archive]);
    await makeNamesOutsideUtf8(temp.path);
    const { err } = await runs(7, ["verify", temp.path]);
    assert.equal(err.match(/^warning: Skipped /gm)?.length, 2);
    assert.match(err, /^error: Could not verify all of .*: 2 files skipped, see above$/m);
    const document = await runJson(7, ["verify", temp.path]);
    assert.deepEqual([document.passed_over, document.counts.ok], [2, 2]);
    await Deno.writeTextFile(join(temp.path, archive), "?");
    await runs(6, ["verify", temp.path]);
  },
});

test("verify: a manifest that can't be read ends it; --no-manifest goes by the checksums", async (staged) => {
  await Deno.writeTextFile(join(staged.run, BUILD_PART), "{");
  await refused(["verify", ...staged.args], ["outputs manifest", "--no-manifest"], { code: 6 });
  const document = await runJson(0, ["verify", ...staged.args, "--no-manifest"]);
  assert.equal(document.counts.ok, 6);
  assert.equal(document.counts.unchecked, 9);
  const { err } = await runs(0, ["verify", staged.run, "--no-manifest"]);
  assert.match(err, /^note: 9 files not checked, no known checksum: .*, and 4 more \(-v\)$/m);
  await Deno.writeFile(join(staged.run, A), new Uint8Array(5000));
  assert.deepEqual(
    verdicts(await runJson(6, ["verify", ...staged.args, "--no-manifest"]))[A],
    "wrong-hash",
  );
});

test("verify: unlisted files are noted; --strict makes them errors", async (staged) => {
  await writeTree(staged.run, { "notes.txt": "a note" });
  const { err } = await runs(0, ["verify", ...staged.args]);
  assert.match(err, /^note: 1 file not listed in the outputs manifest: notes\.txt$/m);
  const strict = await runs(6, ["verify", ...staged.args, "--strict", "-v"]);
  assert.match(strict.err, /^error: Extra: notes\.txt is not listed /m);
  assert.match(strict.out, /^extra +6 B +notes\.txt$/m);
});

Deno.test("verify DIR: archives and their checksum files; a directory without checksums", async () => {
  await using temp = await tempDir();
  const names = ["a_lib_generic.tar.zst", "b_lib_generic.tar.zst", "c_lib_generic.tar.zst"];
  await putArchives(temp.path, names);
  assert.equal((await runJson(0, ["verify", temp.path])).counts.ok, 6);
  await Deno.writeTextFile(join(temp.path, names[0]), "?");
  await Deno.remove(join(temp.path, names[1]));
  assert.deepEqual(verdicts(await runJson(6, ["verify", temp.path])), {
    [names[0]]: "wrong-hash",
    [names[1]]: "missing",
  });
  const plain = join(temp.path, "plain");
  await writeTree(plain, { "x.txt": "x" });
  await refused(["verify", plain], [
    "no outputs manifest and no .sha256sum",
    "a fetch leaves no checksums: verify the run",
    "archives with their .sha256sum files",
  ], { code: 3 });
  await runs(6, ["verify", plain, "--strict"]);
  await refused(["verify", temp.path, "--quick", "--kind", "other"], ["--quick"], { code: 3 });
});

Deno.test("verify: 6 for a checksum that is too long for one", async () => {
  await using temp = await tempDir();
  const names = ["a_lib_generic.tar.zst", "b_lib_generic.tar.zst"];
  await putArchives(temp.path, names);
  const sum = `${names[0]}.sha256sum`;
  await Deno.writeTextFile(join(temp.path, sum), "\n".repeat(70_000), { append: true });
  const document = await runJson(6, ["verify", temp.path]);
  assert.deepEqual(verdicts(document), { [names[0]]: "unchecked", [sum]: "failed" });
  assert.match(document.files[1].error.message, /too large \(\d+ bytes, expected about 64\)$/);
});

test("verify --repair --from: uploads again what is wrong, and nothing else", async (staged) => {
  await damage(staged);
  const repair = ["verify", ...staged.args, "--repair", "--from", staged.copy];
  const before = await snapshot(staged.dir);
  const planned = await runs(6, [...repair, "--dry-run"]);
  assert.equal(planned.out.match(/ {2}would be repaired$/gm)?.length, 3);
  assert.match(planned.out, /^FAILED: \d+ files, .*; 3 would be repaired; /m);
  assert.deepEqual(await snapshot(staged.dir), before);

  const { out, err } = await runs(0, [...repair, "-v"]);
  assert.equal(out.match(/ {2}repaired$/gm)?.length, 3);
  assert.match(out, /^OK: \d+ files, .*; 3 repaired; /m);
  assert.equal(err.match(/^warning: .*; repaired$/gm)?.length, 3);
  assert.doesNotMatch(err, /error:/);
  const after = await snapshot(staged.dir);
  const touched = Object.keys(after).filter((path) =>
    JSON.stringify(after[path]) !== JSON.stringify(before[path])
  );
  assert.deepEqual(
    touched.filter((path) => /\.(xz|zst|md|log|json|sha256sum)$/.test(path)).sort(),
    [A, LOG, "logs/g/comp-summary.md", BUILD_PART].map((path) => `./staging/123-linux/${path}`)
      .sort(),
  );
  await runs(0, ["verify", ...staged.args]);
  // The part vouches for what was repaired after it was written.
  const quick = await runJson(0, ["verify", ...staged.args, "--quick"]);
  assert.equal(quick.counts.ok, BUILD_KEYS.length);
});

test("verify DIR --repair: fetches again from the run that the options name", async (staged) => {
  await damage({ ...staged, run: staged.copy });
  const document = await runJson(0, ["verify", staged.copy, "--repair", ...staged.args]);
  assert.deepEqual(verdicts(document), DAMAGED);
  for (const { repair } of document.files) assert.equal(repair.outcome, "written");
  await runs(0, ["verify", staged.copy]);

  // Fetched archives lie in no run's tree, and come from either layout's place.
  const flat = join(staged.dir, "flat");
  await putArchives(flat, [A], () => new Uint8Array(9));
  const sums = `${A}.sha256sum`;
  await Deno.copyFile(join(staged.run, sums), join(flat, sums));
  await Deno.mkdir(join(staged.run, "artifacts"));
  await Deno.rename(join(staged.run, A), join(staged.run, "artifacts", A));
  await runs(0, ["verify", flat, "--repair", ...staged.args]);
  await runs(0, ["verify", flat]);
});

test("verify --repair: files that can't be repaired are reported, and set the exit code", async (staged) => {
  await damage(staged);
  await Deno.writeFile(join(staged.copy, A), new Uint8Array(4999));
  await Deno.remove(join(staged.copy, LOG));
  const repair = ["verify", ...staged.args, "--repair", "--from", staged.copy];
  const { out, err } = await runs(6, [...repair, "-v"]);
  assert.match(out, new RegExp(`^wrong-hash .*${A} +not repaired$`, "m"));
  assert.match(out, /comp-summary\.md +repaired$/m);
  assert.match(err, /^error: Could not repair .*fft_lib_gfx942\.tar\.xz: .*checksum mismatch/m);
  assert.match(err, /^error: Could not repair .*build\.log: there is no .* to repair it with$/m);
  assert.deepEqual(verdicts(await runJson(6, ["verify", ...staged.args])), {
    [A]: "wrong-hash",
    [LOG]: "missing",
  });
});

test("verify --print-sums: the verified files alone, for sha256sum -c", async (staged) => {
  const { out, err } = await runs(0, ["verify", ...staged.args, "--print-sums"]);
  assert.deepEqual(out.match(/(?<= {2}).*$/gm), [...BUILD_KEYS].sort());
  assert.match(out, /^([0-9a-f]{64} {2}\S+\n)+$/);
  assert.match(err, /^note: OK: 21 files/);
  assert.equal((await runs(0, ["verify", staged.run, "--quick", "--print-sums"])).out, out);
  const archives = await runs(0, ["verify", staged.run, "--print-sums", "--kind", "artifact"]);
  assert.equal(archives.out.split("\n").length, 4);
  await damage(staged);
  const bad = await runs(6, ["verify", ...staged.args, "--print-sums"]);
  assert.equal(bad.out.split("\n").length, out.split("\n").length - 3);
  for (const path of Object.keys(DAMAGED)) assert(!bad.out.includes(`  ${path}\n`));
});

test("verify: contradicting options are rejected", async (staged) => {
  for (
    const [more, text] of [
      [["--repair", ...staged.args], "--from"],
      [["--from", staged.copy, ...staged.args], "--repair"],
      [[staged.run, "--repair", "--from", staged.copy], "--from"],
      [["--dry-run", ...staged.args], "--dry-run"],
      [["--print-sums", "--repair", "--from", staged.copy, ...staged.args], "--print-sums"],
      [[staged.run, "--run-id", "1"], "--run-id"],
      [[staged.run, "--staging-dir", staged.staging], "--staging-dir"],
      [["--kind", "logs", ...staged.args], "--kind"],
      [["--concurrency", "0", ...staged.args], "--concurrency"],
    ] as const
  ) {
    await refused(["verify", ...more], [text]);
  }
  const { code, err } = await run(["verify", "--print-sums", "--json", ...staged.args]);
  assert.equal(code, 2);
  assert.match(err, /--print-sums with --json/);
});

test("verify: contradicting parts are reported", async (staged) => {
  const file = join(staged.run, BUILD_PART);
  const part = JSON.parse(await Deno.readTextFile(file));
  const old = {
    ...part,
    part: "old",
    created_at: "2020-01-01T00:00:00Z",
    // deno-lint-ignore no-explicit-any -- a test asserts on what it expects
    files: part.files.map((one: any) => ({ ...one, sha256: "0".repeat(64) })).slice(0, 1),
  };
  await writeTree(staged.run, { "manifests/outputs/old.json": JSON.stringify(old) });
  const { err } = await runs(0, ["verify", ...staged.args]);
  const [{ path }] = part.files;
  assert.match(err, new RegExp(`^warning: ${path}: manifest part build.g .* than old; `));
});

Deno.test("verify on S3: by recorded hashes, by bytes, repaired from a directory", async () => {
  await using temp = await tempDir();
  await using s3 = await startS3Server();
  const env = {
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: "key",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_REGION: "us-east-1",
  };
  const [build, copy] = [join(temp.path, "build"), join(temp.path, "copy")];
  await makeBuild(build);
  const upload = ["upload", "build", "--artifact-group", "g", "--build-dir", build, "-q", ...RUN];
  const args = ["--bucket", "suite", ...RUN];
  await runs(0, [...upload, "--output-dir", copy]);
  await runs(0, [...upload, "--bucket", "suite"], env);
  const quick = await runJson(0, ["verify", "--quick", ...args], env);
  assert.deepEqual(quick.checked_by, { bytes: 0, record: BUILD_KEYS.length, size: 0 });

  const put = await fetch(`${s3.url}/suite/123-linux/${LOG}`, { method: "PUT", body: "Built\n" });
  await put.body?.cancel();
  assert.deepEqual(verdicts(await runJson(6, ["verify", ...args], env)), { [LOG]: "wrong-hash" });
  await runs(0, ["verify", ...args, "--repair", "--from", join(copy, "123-linux")], env);
  await runs(0, ["verify", ...args], env);
  // The two are one run, whose archives were made twice: nothing of it differs.
  const same = ["diff", "123", "123", "--bucket", "suite", "--platform", "linux"];
  await runs(0, [...same, "--staging-dir-b", copy, "--exit-code"], env);
  await refused(
    ["verify", "--bucket", "suite", "--run-id", "9", "--platform", "linux"],
    ["run 9"],
    {
      code: 3,
      env,
    },
  );
});

Deno.test("exitCodeOfVerify(): a checksum mismatch takes precedence; a single reason has its own code", () => {
  const location = new OutputLocation("local", "x");
  const subject = { path: "x", kind: "other", location, parts: [], conflicts: [] } as const;
  const file = (verdict: Verdict, code?: ErrorCode): VerifiedFile => ({
    ...subject,
    verdict,
    error: code && new RunOutputsError(code, code),
  });
  const codeOf = (files: readonly VerifiedFile[], missingParts = 0, repairs?: Repairs) => {
    const report = new VerifyReport(false);
    for (const file of files) report.add(file);
    return exitCodeOfVerify(report, missingParts, repairs);
  };
  const [ok, made, extra] = [file("ok"), file("made"), file("extra")];
  const [denied, lost] = [file("failed", "denied"), file("failed", "transient")];
  const [missing, wrong] = [file("missing", "not_found"), file("wrong-hash", "integrity")];
  assert.equal(codeOf([ok, made, extra]), 0);
  assert.equal(codeOf([ok], 1), 7);
  assert.equal(codeOf([denied, denied, made]), 4);
  assert.equal(codeOf([lost, made]), 5);
  assert.equal(codeOf([denied, lost]), 7);
  assert.equal(codeOf([denied, ok]), 7);
  assert.equal(codeOf([denied], 1), 7);
  assert.equal(codeOf([missing]), 7);
  assert.equal(codeOf([missing, wrong, denied], 1), 6);
  const repaired = (outcome: "written" | "planned") =>
    new Map([["x", { location, path: "x", outcome, warnings: [] }]]);
  assert.equal(codeOf([wrong], 0, repaired("written")), 0);
  assert.equal(codeOf([wrong], 1, repaired("written")), 7);
  assert.equal(codeOf([wrong], 0, repaired("planned")), 6);
});

Deno.test("verify: files left by an earlier attempt have their own verdict; --remove-left deletes them", async () => {
  await using temp = await tempDir();
  const [files, staging] = ["files", "staging"].map((name) => join(temp.path, name));
  const attempt = async (number: number, tree: Record<string, string>) => {
    await writeTree(files, tree);
    const env = { GITHUB_RUN_ATTEMPT: `${number}`, GITHUB_RUN_ID: "123", GITHUB_JOB: "test" };
    const upload = ["upload", "files", files, "--to", "reports", "--part", "p", "-q"];
    await runs(0, [...upload, "--output-dir", staging, ...RUN], env);
    await Deno.remove(files, { recursive: true });
  };
  await attempt(1, { "a.txt": "a", "b.txt": "b", "c.txt": "c" });
  // Another content: the part of attempt 1 is withdrawn before it is replaced.
  await attempt(2, { "a.txt": "a of 2" });
  await attempt(3, { "a.txt": "a of 2", "c.txt": "c" });
  const run = join(staging, "123-linux");
  await writeTree(run, { "reports/unknown.txt": "?" });
  const args = ["verify", "--staging-dir", staging, ...RUN];
  const found = async (code: number, ...more: string[]) => {
    const { files } = await runJson(code, [...args, ...more]);
    return files.map(({ path, verdict, reason }: Record<string, string>) =>
      [path, verdict, reason].join(" ").trim()
    );
  };
  const left = "reports/b.txt left left by attempt 1 of the run";
  assert.deepEqual(await found(0), [left, "reports/unknown.txt extra"]);
  assert.deepEqual(await found(6, "--strict"), [left, "reports/unknown.txt extra"]);
  await Deno.remove(join(run, "reports/unknown.txt"));
  const { err } = await runs(0, [...args, "--strict"]);
  assert.match(err, /1 file left by an earlier attempt of the run; 'verify --remove-left' .*: rep/);
  const before = await snapshot(staging);
  const dry = await runs(0, [...args, "--remove-left", "--dry-run"]);
  assert.match(dry.err, /would delete reports\/b\.txt/);
  assert.deepEqual(await snapshot(staging), before);
  assert.deepEqual((await runJson(0, [...args, "--remove-left"])).removed, ["reports/b.txt"]);
  assert.deepEqual(await found(0), []);
  await Deno.stat(join(run, "reports/c.txt"));
  await refused([...args, "--remove-left", "--no-manifest"], ["--remove-left"]);
});

test("verify: a staging directory: each of its runs, and what is wrong in one", async (staged) => {
  const other = ["--run-id", "124", "--platform", "windows", "--repo", "ROCm/some-repo"];
  const legacy = join(staged.staging, "99-linux");
  await writeTree(legacy, { "logs/g/build.log": "of an older tool" });
  await runs(0, [
    ...["upload", "files", join(staged.run, LOG), "--to", "logs/x", "--output-dir"],
    ...[staged.staging, "-q", ...other],
  ]);
  const { out, err } = await runs(0, ["verify", staged.staging]);
  const [windows, linux, older, total] = out.trimEnd().split("\n");
  assert.match(windows, /^ROCm-some-repo\/124-windows: OK: \d+ files, .*: 1 OK, /);
  assert.match(linux, /^123-linux: OK: 21 files, .*: 15 OK, /);
  assert.match(older, /^99-linux: nothing to verify: 1 file, .*: 1 not checked$/);
  assert.match(total, /^OK: 3 runs, \d+ files; in /);
  assert(total.endsWith(`; in ${staged.staging}`), total);
  assert.match(
    err,
    /^note: 99-linux: 1 file not checked, no known checksum: logs\/g\/build\.log\n$/,
  );

  await damage(staged);
  const { code, out: after } = await run(["verify", staged.staging]);
  assert.equal(code, 6);
  assert.match(after, /^123-linux: .*12 OK, 1 missing, 1 with size mismatch, 1 with checksum mi/m);
  const document = await runJson(6, ["verify", staged.staging]);
  assert.equal(document.schema, "run-outputs.verify-runs/1");
  // deno-lint-ignore no-explicit-any -- a test asserts on what it expects
  const codes = document.runs.map((run: any) => [run.prefix, run.exit_code]);
  assert.deepEqual(codes, [["ROCm-some-repo/124-windows", 0], ["123-linux", 6], ["99-linux", 3]]);
  assert.deepEqual(verdicts(document.runs[1]), DAMAGED);
});

test("verify: a staging directory: a part that is missing in one run is 7", async (staged) => {
  await writeTree(join(staged.run, "manifests/outputs"), {
    "expected.json": JSON.stringify({
      schema: "run-outputs.expected-parts/1",
      parts: ["somewhere.else"],
    }),
  });
  const { code, err } = await run(["verify", staged.staging]);
  assert.equal(code, 7);
  assert.match(err, /123-linux: Missing: part somewhere\.else of the outputs manifest/);
});

test("verify: a staging directory: wrong options, and nothing to verify", async (staged) => {
  const flags = [["--print-sums"], ["--remove-left"], ["--drop-incomplete", "a"]];
  for (const [flag, ...value] of flags) {
    const { err } = await runs(2, ["verify", staged.staging, flag, ...value]);
    assert.equal(
      err,
      `error: Cannot use ${flag} with '${staged.staging}', which has several runs: name one, ` +
        `such as '${staged.run}'\n`,
    );
  }
  const legacy = join(staged.dir, "legacy");
  await writeTree(legacy, { "99-linux/logs/g/build.log": "of an older tool" });
  const { err } = await runs(3, ["verify", legacy]);
  assert.match(
    err,
    /^error: Nothing to verify: no run in .*legacy has an outputs manifest or \.sha256sum files\n$/m,
  );
});

test("verify --quick: says why a file is not checked, and what to do", async (staged) => {
  const path = join(staged.run, "logs/g/build.log");
  await Deno.writeTextFile(path, (await Deno.readTextFile(path)).toUpperCase());
  await Deno.utime(path, new Date(), new Date(Date.now() + 60_000));
  const { err } = await runs(0, ["verify", ...staged.args, "--quick"]);
  assert.match(
    err,
    /^note: 1 file not checked, newer than the manifest part that lists it; verify without --quick: logs\/g\/build\.log\n$/,
  );
  await runs(6, ["verify", ...staged.args]);
});
