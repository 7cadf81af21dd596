/**
 * Our archives read by the rules of the live system's tools, and theirs by us, both by command
 * line: the same trees, bytes, modes and links, whatever the umask; and the same refusals.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RECORD_NAME } from "../../src/operations/fetch/fetched_record.ts";
import { noise } from "../support/bytes.ts";
import { type DiskEntry, diskTree } from "../support/disk_tree.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { finish, finishWithUmask } from "../e2e/processes.ts";

const LIVE_TOOLS = fileURLToPath(new URL("./live_tools.py", import.meta.url));

const ignore = Deno.build.os === "windows" ||
  !["python3", "zstd", "xz"].every((program) => {
    try {
      return new Deno.Command(program, { args: ["--version"] }).outputSync().success;
    } catch {
      return false;
    }
  });

const MODES = ["extract", "flatten", "bootstrap"] as const;
type Mode = typeof MODES[number];

/** All times in the archives; what is written now is much later. */
const PACKED_AT = 1_600_000_000;

/** Runs the live tools; gives what went wrong, empty if nothing did. */
async function live(umask: string, ...args: readonly string[]): Promise<string> {
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-c", `umask ${umask} && exec "$@"`, "sh", "python3", LIVE_TOOLS, ...args],
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert.equal(said === "", success, said);
  return said;
}

/** Two artifacts of several paths each, one in the other, with all that real ones have. */
async function makeArtifacts(root: string): Promise<void> {
  const [blas, fft] = [join(root, "blas_lib_generic"), join(root, "fft_lib_generic")];
  await writeTree(blas, {
    "artifact_manifest.txt": "math-libs/BLAS/stage\nmath-libs/absent/stage\ncore/stage\ncore\n",
    "math-libs/BLAS/stage/lib/libblas.so.4.1": noise(300_000),
    "math-libs/BLAS/stage/bin/tool": "#!/bin/sh\n",
    "math-libs/BLAS/stage/read-only": "r",
    "math-libs/BLAS/stage/shared": "s",
    "math-libs/BLAS/stage/grün/日本 😀.txt": "names",
    [`math-libs/BLAS/stage/${"d".repeat(90)}/${"e".repeat(120)}/f`]: "long",
    "core/stage/include/core.h": "int core;\n",
    "core/beside": "below the second path only",
  });
  const stage = join(blas, "math-libs/BLAS/stage");
  await Deno.chmod(join(stage, "bin/tool"), 0o775);
  await Deno.chmod(join(stage, "read-only"), 0o444);
  await Deno.chmod(join(stage, "shared"), 0o664);
  await Deno.symlink("libblas.so.4.1", join(stage, "lib/libblas.so.4"));
  await Deno.symlink("libblas.so.4", join(stage, "lib/libblas.so"));
  await Deno.symlink("nowhere", join(stage, "dangling"));
  await Deno.link(join(stage, "bin/tool"), join(stage, "bin/same-tool"));
  // Two names of one file that flatten to one place.
  await Deno.link(join(stage, "bin/tool"), join(blas, "core/stage/include/tool"));
  await Deno.mkdir(join(blas, "math-libs/BLAS/stage/include"));
  await Deno.link(join(stage, "bin/tool"), join(stage, "include/tool"));
  await Deno.mkdir(join(stage, "empty"));
  await writeTree(fft, {
    "artifact_manifest.txt": "math-libs/FFT/stage\nempty/stage\n",
    "math-libs/FFT/stage/lib/libfft.so": noise(1000, 2),
    "math-libs/FFT/stage/read-only": "replaces the other one",
  });
  await Deno.mkdir(join(fft, "empty/stage"), { recursive: true });
}

async function setTimes(root: string): Promise<void> {
  for (const path of Object.keys(await diskTree(root))) {
    const full = join(root, path);
    if ((await Deno.lstat(full)).isSymlink) continue;
    await Deno.utime(full, PACKED_AT, PACKED_AT);
  }
}

const NAMES = ["blas_lib_generic", "fft_lib_generic"];

/** A run's directory with archives packed by us, or by the live tools. */
async function packBy(
  who: "ours" | "theirs",
  dir: string,
  artifacts: string,
  compression: "zst" | "xz",
): Promise<string> {
  const staging = join(dir, `${who}-${compression}`);
  const run = join(staging, "1-linux");
  await Deno.mkdir(run, { recursive: true });
  if (who === "ours") {
    const ran = await finish([
      ...["upload", "artifacts", artifacts, "--output-dir", staging, "--run-id", "1"],
      ...["--platform", "linux", "--compression", compression],
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    assert(!ran.stderr.includes("packed without"), ran.stderr);
  } else {
    for (const name of NAMES) {
      const archive = join(run, `${name}.tar.${compression}`);
      assert.equal(await live("022", "pack", join(artifacts, name), archive), "");
    }
  }
  return staging;
}

async function readByUs(umask: string, mode: Mode, staging: string, out: string) {
  return await finishWithUmask(umask, [
    ...["fetch", "--staging-dir", staging, "--run-id", "1", "--platform", "linux", "-o", out],
    ...(mode === "extract" ? [] : [`--${mode}`]),
  ]);
}

/** A tree without links' times, which Python leaves the present; and those of others, seen apart. */
function timeless(tree: Record<string, DiskEntry>): [Record<string, DiskEntry>, boolean[]] {
  const times: boolean[] = [];
  const entries = Object.entries(tree).map(([path, { modified, ...entry }]) => {
    if (entry.kind === "file") times.push(modified === PACKED_AT);
    return [path, entry];
  });
  return [Object.fromEntries(entries), times];
}

for (const packer of ["ours", "theirs"] as const) {
  for (const compression of ["zst", "xz"] as const) {
    Deno.test({
      name: `live tools and ours: archives packed by ${packer}, .tar.${compression}: equal trees`,
      ignore,
      fn: async () => {
        await using dir = await tempDir();
        const artifacts = join(dir.path, "artifacts");
        await makeArtifacts(artifacts);
        await setTimes(artifacts);
        const staging = await packBy(packer, dir.path, artifacts, compression);
        const archives = NAMES.map((name) =>
          join(staging, "1-linux", `${name}.tar.${compression}`)
        );
        for (const umask of compression === "zst" ? ["022", "002", "077"] : ["022"]) {
          for (const mode of MODES) {
            const [ours, theirs] = ["ours", "theirs"].map((who) =>
              join(dir.path, `${who}-${mode}-${umask}`)
            );
            assert.equal(await live(umask, mode, theirs, ...archives), "", mode);
            const ran = await readByUs(umask, mode, staging, ours);
            assert.equal(ran.code, 0, ran.stderr);
            const [expected, theirTimes] = timeless(await diskTree(theirs));
            const { [RECORD_NAME]: record, ...tree } = await diskTree(ours);
            assert(record !== undefined, "ours has the record of the fetch");
            const [found, times] = timeless(tree);
            assert(Object.keys(expected).length > 12, Object.keys(expected).join());
            assert.deepEqual(found, expected, `${mode} with umask ${umask}`);
            for (const kept of [...times, ...theirTimes]) assert.equal(kept, mode === "extract");
          }
        }
      },
    });
  }
}

Deno.test({
  name: "live tools and ours: what lies beside the listed paths is left out, with a warning",
  ignore,
  fn: async () => {
    await using dir = await tempDir();
    await writeTree(join(dir.path, "artifacts/blas_lib_generic"), {
      "artifact_manifest.txt": "math-libs/BLAS/stage\n",
      "math-libs/BLAS/stage/f": "f",
      "README": "beside the manifest",
      "math-libs/stray": "beside a directory on the way",
    });
    const staging = join(dir.path, "staging");
    const ran = await finish([
      ...["upload", "artifacts", join(dir.path, "artifacts"), "--output-dir", staging],
      ...["--run-id", "1", "--platform", "linux"],
    ]);
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /^warning: [^\n]*blas_lib_generic[^\n]* without "README" and 1 more/m);
    const archive = join(staging, "1-linux/blas_lib_generic.tar.zst");
    for (const [mode, place] of [["flatten", "f"], ["bootstrap", "math-libs/BLAS/stage/f"]]) {
      const out = join(dir.path, mode);
      assert.equal(await live("022", mode, out, archive), "");
      assert.equal(await Deno.readTextFile(join(out, place)), "f");
    }
  },
});

/** Archives that only some take: the members behind the manifest, which lists `a/stage`. */
const DISPUTED: readonly (readonly [string, string, Readonly<Record<string, Verdict>>])[] = [
  // Earlier versions of ours packed these, so ours reads them.
  ["a directory above a path", "directory('a')", { theirs: "extract", ours: "all" }],
  ["the path itself", "directory('a/stage')", { theirs: "extract", ours: "all" }],
  ["a file beside a path", "file('a/f')", { theirs: "extract", ours: "extract" }],
  ["a directory beside a path", "directory('b')", { theirs: "extract", ours: "extract" }],
  ["a file at the top", "file('README')", { theirs: "extract", ours: "extract" }],
  ["a name that only begins alike", "file('a/stages/f')", { theirs: "extract", ours: "extract" }],
  ["a file in place of a path", "file('a/stage')", { theirs: "extract", ours: "extract" }],
  ["a link above a path", "link('a')", { theirs: "extract", ours: "extract" }],
  ["a file below a path", "file('a/stage/f')", { theirs: "all", ours: "all" }],
];
/** Which modes take it. */
type Verdict = "all" | "extract";

const DISPUTED_PACKER = `
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w:xz") as tar:
    def add(name, type=tarfile.REGTYPE, content=b"", linkname=""):
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname, info.mode = type, len(content), linkname, 0o755
        tar.addfile(info, io.BytesIO(content))
    def file(name): add(name, content=b"content")
    def directory(name): add(name, tarfile.DIRTYPE)
    def link(name): add(name, tarfile.SYMTYPE, linkname="b")
    add("artifact_manifest.txt", content=b"a/stage\\n")
    exec(sys.argv[2])
`;

for (const [title, members, verdicts] of DISPUTED) {
  Deno.test({
    name: `live tools and ours: ${title}: accepted or rejected by the rules`,
    ignore,
    fn: async () => {
      await using dir = await tempDir();
      const run = join(dir.path, "1-linux");
      await Deno.mkdir(run);
      const archive = join(run, "x_lib_generic.tar.xz");
      const args = ["-c", DISPUTED_PACKER, archive, members];
      assert((await new Deno.Command("python3", { args }).output()).success);
      for (const mode of MODES) {
        const taken = (who: string) => mode === "extract" || verdicts[who] === "all";
        const theirs = await live("022", mode, join(dir.path, `theirs-${mode}`), archive);
        assert.equal(theirs === "", taken("theirs"), `${mode}: ${theirs}`);
        const ours = await readByUs("022", mode, dir.path, join(dir.path, `ours-${mode}`));
        assert.equal(ours.code, taken("ours") ? 0 : 6, `${mode}: ${ours.stderr}`);
      }
    },
  });
}
