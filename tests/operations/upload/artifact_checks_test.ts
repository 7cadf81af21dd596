/** Artifacts that nobody could unpack: noticed before they are uploaded. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { ArchiveMember } from "../../../src/archive/tar/list_members.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import {
  planArtifacts,
  type PlanArtifactsOptions,
} from "../../../src/operations/upload/artifacts.ts";
import { packItem } from "../../../src/operations/upload/pack_item.ts";
import { UploadPlanner } from "../../../src/operations/upload/plan.ts";
import { likeArchive } from "../../support/bytes.ts";
import { runJson, runs } from "../../support/command_line.ts";
import { rejectsWith } from "../../support/errors.ts";
import { RUN } from "../../support/staging.ts";
import { outputNames } from "../../support/snapshot.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "1", platform: "linux" });

/** A plan of a directory with these files, told by names. */
async function plan(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Partial<PlanArtifactsOptions> = {},
) {
  await using temp = await tempDir();
  await writeTree(temp.path, files);
  const planner = new UploadPlanner();
  const unmatched = await planArtifacts(ROOT, { artifactsDir: temp.path, ...options }, planner);
  const { items, failures, notes, warnings = [] } = planner.plan();
  const relative = (text: string) => text.replaceAll(temp.path, "").replaceAll("\\", "/");
  return {
    keys: items.map(({ location }) => location.name),
    failures: failures.map(({ error }) => {
      const { code, message } = error as Error & { code: string };
      return `${code}: ${relative(message)}`;
    }),
    notes: notes.map(({ path, reason }) => `${relative(path)}: ${reason}`),
    warnings: warnings.map(({ path, reason }) => `${relative(path)} ${reason}`),
    unmatched,
  };
}

const MANIFEST = "a_lib_generic/artifact_manifest.txt";
const GOOD = { "b_lib_generic/artifact_manifest.txt": "stage\n", "b_lib_generic/stage/x": "x" };

for (
  const [title, manifest, ...says] of [
    ["'..'", "stage\n../x\n", "line 2", '"../x"', "it contains '..'"],
    ["'..' inside", "stage/../../x", "line 1", "it contains '..'"],
    ["an absolute path", "\n/etc\n", "line 2", '"/etc"', "it is absolute"],
    ["a drive", "C:\\x\n", "line 1", "Windows"],
    ["itself", "./\n", "line 1", "the whole directory"],
    ["nothing", "\n \n\r\n", "only empty lines", '"stage"'],
    ["what is not UTF-8", new Uint8Array([0xff, 0xfe, 0x41]), "not UTF-8"],
    ["far too much", "x".repeat(1024 * 1024 + 1), "too many for a list"],
  ] as const
) {
  Deno.test(`planArtifacts(): a manifest with ${title} fails its directory alone`, async () => {
    const { keys, failures } = await plan({
      [MANIFEST]: manifest,
      "a_lib_generic/stage/x": "x",
      ...GOOD,
    });
    assert.deepEqual(keys, ["b_lib_generic.tar.zst"]);
    assert.equal(failures.length, 1);
    assert.match(failures[0], /^failed: Cannot pack '\/a_lib_generic': /);
    for (const text of says) assert(failures[0].includes(text), `${text}: ${failures[0]}`);
  });
}

Deno.test("planArtifacts(): an artifact without files is packed, with a warning", async () => {
  const { keys, failures, warnings } = await plan({ [MANIFEST]: "\n" });
  assert.deepEqual([keys, failures], [["a_lib_generic.tar.zst"], []]);
  assert.match(warnings.join(), /^\/a_lib_generic is an empty artifact/);
});

Deno.test("planArtifacts(): an artifact whose listed directories are all missing is packed, with a warning", async () => {
  const files = { [MANIFEST]: "nodir/stage\nother\n", "a_lib_generic/real/f": "f" };
  const { keys, warnings } = await plan(files);
  assert.deepEqual(keys, ["a_lib_generic.tar.zst"]);
  assert.match(warnings[0], /packed without any file: .* \("nodir\/stage" and 1 more\)$/);
  assert.match(warnings[1], /packed without "real/);
});

Deno.test("planArtifacts(): a file under no listed path is left out, with a warning", async () => {
  const files = { [MANIFEST]: "x/stage/\n./other\n", "a_lib_generic/x/stage/f": "f" };
  assert.deepEqual((await plan(files)).warnings, []);
  const { keys, warnings } = await plan({ ...files, "a_lib_generic/x/stray": "s" });
  assert.deepEqual(keys, ["a_lib_generic.tar.zst"]);
  assert.match(
    warnings.join(),
    /^\/a_lib_generic is packed without "x\/stray": not in a directory/,
  );
});

for (
  const [title, links, says] of [
    ["absolute", { l: "/opt/rocm" }, /"x\/stage\/l": its target "\/opt\/rocm" is absolute$/],
    ["out of the artifact", { l: "../../../etc" }, /"x\/stage\/l": .* points outside the target/],
    ["out of the flattened tree", { l: "../../y" }, /points outside .* \(with --flatten\)$/],
    ["out by another one", { d: ".", l: "d/../../../../x" }, /points outside/],
    ["to a working directory of ours", { l: ".out.run-outputs-fetch/staging" }, /reserved/],
    ["of too many bytes", { l: "a/".repeat(1600) }, /longer than 3072 bytes/],
  ] as const
) {
  Deno.test({
    name: `planArtifacts(): a link ${title} fails its artifact, because fetch would reject it`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using temp = await tempDir();
      const stage = "a_lib_generic/x/stage";
      await writeTree(temp.path, { [MANIFEST]: "x/stage\n", [`${stage}/f`]: "f", ...GOOD });
      for (const [name, text] of Object.entries(links)) {
        await Deno.symlink(text, join(temp.path, stage, name));
      }
      const planner = new UploadPlanner();
      await planArtifacts(ROOT, { artifactsDir: temp.path }, planner);
      const { items, failures } = planner.plan();
      assert.deepEqual(items.map(({ location }) => location.name), ["b_lib_generic.tar.zst"]);
      assert.equal(failures.length, 1);
      assert.match(failures[0].error!.message, says);
    },
  });
}

for (
  const [title, path, says] of [
    ["too long", `x/stage/${`${"d".repeat(200)}/`.repeat(16)}f`, /longer than 3072 bytes/],
    ["reserved for our own files", "x/stage/.sub.run-outputs-fetch/journal.json", /reserved/],
    ["of two kinds in the flattened tree", "y/stage/f/g", /a directory is needed \(with --flatten/],
  ] as const
) {
  Deno.test(`planArtifacts(): a name ${title} fails its artifact, because fetch would reject it`, async () => {
    const { keys, failures } = await plan({
      [MANIFEST]: "x/stage\ny/stage\n",
      "a_lib_generic/x/stage/f": "f",
      [`a_lib_generic/${path}`]: "",
      ...GOOD,
    });
    assert.deepEqual(keys, ["b_lib_generic.tar.zst"]);
    assert.match(failures.join(), says);
  });
}

for (
  const [name, content, says] of [
    ["a_lib_generic.tar.zst", "", "it is empty"],
    ["a_lib_generic.tar.xz", "", "it is empty"],
    ["a_lib_generic.tar.zst", "<html>", "not in zstd format"],
    ["a_lib_generic.tar.zst", likeArchive("xz", "x"), "not in zstd format"],
    ["a_lib_generic.tar.xz", likeArchive("zst", "x"), "not in xz format"],
    ["a_lib_generic.tar.xz", likeArchive("xz", "").subarray(0, 5), "not in xz format"],
  ] as const
) {
  Deno.test(`planArtifacts(): ${name} of ${content.length} bytes: ${says}`, async () => {
    const good = "b_lib_generic.tar.zst";
    const { keys, failures } = await plan({ [name]: content, [good]: likeArchive("zst", "") });
    assert.deepEqual(keys, [good]);
    assert.equal(failures.length, 1);
    assert(failures[0].startsWith(`integrity: Cannot upload '/${name}': `), failures[0]);
    assert(failures[0].includes(says), failures[0]);
  });
}

Deno.test("planArtifacts(): a zstd archive may begin with a frame that is skipped", async () => {
  const skippable = new Uint8Array([0x5e, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
  assert.deepEqual((await plan({ "a_lib_generic.tar.zst": skippable })).failures, []);
});

Deno.test("planArtifacts(): an archive that is not an artifact is a warning", async () => {
  const odd = ["a-lib.tar.zst", "a_b_c_d.tar.xz", "a_lib_generic.tar.gz", "a_lib_generic.TAR.ZST"];
  const { keys, warnings, notes } = await plan({
    ...Object.fromEntries(odd.map((name) => [name, "x"])),
    "README.md": "",
  });
  assert.deepEqual(keys, []);
  assert.deepEqual(
    warnings.map((text) => text.split(" ")[0]),
    odd.map((name) => `/${name}`).sort(),
  );
  assert.deepEqual(notes, ["/README.md: not an artifact"]);
});

Deno.test("planArtifacts(): names that Windows needs encoded are those of artifacts", async () => {
  const { keys, failures } = await plan({
    "a_lib_gfx942%3Axnack+.tar.zst": likeArchive("zst", ""),
    "a_lib_gfx942%3Axnack+.tar.zst.sha256sum": "0".repeat(64),
    "b_lib_gfx942%3Axnack+/artifact_manifest.txt": "stage\n",
  }, { encodedNames: true, include: ["*:xnack+*"] });
  assert.deepEqual(keys, ["a_lib_gfx942:xnack+.tar.zst", "b_lib_gfx942:xnack+.tar.zst"]);
  assert.deepEqual(failures, []);
});

for (const pattern of ["a_lib_generic", "a_lib_generic.tar.xz", "a_*"]) {
  Deno.test(`planArtifacts(): include ${pattern} selects the archive beside its directory`, async () => {
    const { keys, unmatched } = await plan({
      "a_lib_generic.tar.xz": likeArchive("xz", ""),
      [MANIFEST]: "stage\n",
      ...GOOD,
    }, { include: [pattern] });
    assert.deepEqual([keys, unmatched], [["a_lib_generic.tar.xz"], []]);
  });
}

Deno.test("planArtifacts(): a directory is packed where its archive is not wanted", async () => {
  const files = { "a_lib_generic.tar.xz": likeArchive("xz", ""), [MANIFEST]: "stage\n" };
  const zst = ["a_lib_generic.tar.zst"];
  assert.deepEqual((await plan(files, { include: zst })).keys, zst);
  assert.deepEqual((await plan(files, { exclude: ["*.tar.xz"] })).keys, zst);
});

Deno.test("packItem(): a member that can't be read is reported with its path", async () => {
  await using temp = await tempDir();
  const path = join(temp.path, "gone");
  const member = { name: "gone", path, type: "file", size: 1, mode: 0o644, modified: new Date(0) };
  const members = [member as ArchiveMember];
  const location = ROOT.file("x.tar.zst");
  const item = packItem({ location, path, members, compression: "zst", workDir: temp.path });
  await rejectsWith(item.check!(), "not_found", path);
});

Deno.test("upload artifacts: broken ones are reported, the others uploaded, exit 7", async () => {
  await using temp = await tempDir();
  await writeTree(join(temp.path, "a"), { ...GOOD, [MANIFEST]: "..\n", "odd.tar.zst": "x" });
  const args = ["upload", "artifacts", join(temp.path, "a"), "--no-index", ...RUN];
  const { err } = await runs(7, [...args, "--output-dir", join(temp.path, "s")]);
  assert.match(err, /^warning: '[^\n]*odd\.tar\.zst' is not uploaded: [^\n]+\nerror: [^\n]+\n$/);
  const names = ["b_lib_generic.tar.zst", "b_lib_generic.tar.zst.sha256sum"];
  const left = await outputNames(join(temp.path, "s", "123-linux"));
  assert.deepEqual(left.filter((name) => !name.startsWith("manifests/")), names);
  const { warnings } = await runJson(7, [...args, "--output-dir", join(temp.path, "t")]);
  assert.equal(warnings.length, 1);
  assert.equal(warnings[0].path, join(temp.path, "a", "odd.tar.zst"));
});
