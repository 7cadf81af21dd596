/**
 * Programs that others wrote download from the service: whole files, the rest of one, ranges, whole
 * trees, packages.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { noise, sha256 } from "../support/bytes.ts";
import { runs } from "../support/command_line.ts";
import { hasProgram, makeDeb, runProgram } from "../support/debian.ts";
import { startService } from "../support/service.ts";
import { RUN } from "../support/staging.ts";
import { readTree, tempDir, writeTree } from "../support/temp_dir.ts";
import { makeWheel } from "../support/wheel.ts";

const PROGRAMS = ["curl", "wget", "aria2c", "lftp", "rclone", "apt-get", "dpkg-deb"];
const found = await Promise.all(PROGRAMS.map((name) => hasProgram(name)));
const missing = PROGRAMS.filter((_, i) => !found[i]);
if (missing.length > 0) console.warn(`serve_clients_test: skipped, without ${missing.join(", ")}`);

const KEY = "123-linux";
const BIG = noise(5_000_000, 1);
const ODD = "gfx942:xnack+ 50% ü & <b>.log";

/** What a client needs. */
interface Case {
  /** The URL of the files of the run, with a final `/`. */
  readonly files: string;
  /** Where the run is on the disk. */
  readonly source: string;
  /** An empty directory. */
  readonly dir: string;
}

Deno.test({
  name: "serve, foreign clients",
  ignore: missing.length > 0,
  fn: async (t) => {
    await using temp = await tempDir();
    const staging = join(temp.path, "staging");
    await writeTree(temp.path, {
      "wheels/dist/small_wheel-1.0+rocm7.0-py3-none-any.whl": makeWheel(
        "small_wheel",
        "1.0+rocm7.0",
        "VALUE = 42\n",
      ),
      [`staging/${KEY}/big.bin`]: BIG,
      "report/index.html": '<p>The report\'s own page: <a href="more.html">more</a></p>\n',
      "report/more.html": "<p>more</p>\n",
      "logs/build.log": "a line\n".repeat(1000),
      "logs/empty.log": "",
      [`logs/odd/${ODD}`]: "odd\n",
    });
    await makeDeb(join(temp.path, "debs"), { name: "rocm-one" });
    const to = ["--output-dir", staging, ...RUN];
    await runs(0, ["upload", "logs", join(temp.path, "logs"), "--artifact-group", "g", ...to]);
    await runs(0, ["upload", "python", join(temp.path, "wheels"), "--artifact-group", "g", ...to]);
    await runs(0, ["upload", "packages", join(temp.path, "debs"), "--pkg-type", "deb", ...to]);
    await runs(0, ["upload", "test-report", join(temp.path, "report"), "--to", "reports/t", ...to]);
    await using service = await startService({
      backend: new LocalBackend(staging),
      dir: staging,
      now: () => new Date(),
    });
    for (const [name, use] of Object.entries(CLIENTS)) {
      await t.step(name, async () => {
        await using empty = await tempDir();
        const files = `${service.url}retained-runs/${KEY}/files/`;
        await use({ files, source: join(staging, KEY), dir: empty.path });
      });
    }
    assert.deepEqual(service.log, []);
  },
});

/** A file that a download has begun. */
async function begun(dir: string, name = "big.bin"): Promise<string> {
  await Deno.writeFile(join(dir, name), BIG.subarray(0, 1_234_567));
  return join(dir, name);
}

async function assertBig(path: string): Promise<void> {
  assert.equal(sha256(await Deno.readFile(path)), sha256(BIG));
}

/** The whole run, downloaded. */
async function assertMirrored(dir: string, source: string): Promise<void> {
  const [copy, original] = [await readTree(dir), await readTree(source)];
  assert.deepEqual(Object.keys(copy), Object.keys(original));
  for (const [path, content] of Object.entries(original)) {
    assert(copy[path] === content, `${path} has other content`);
  }
}

const curl = (...args: string[]) =>
  runProgram("curl", ["-sS", "-w", "%{http_code} %{size_download}", ...args]);

const CLIENTS: Readonly<Record<string, (c: Case) => Promise<void>>> = {
  "curl -C - continues, and finds a whole file complete": async ({ files, dir }) => {
    const path = await begun(dir);
    const rest = BIG.length - 1_234_567;
    assert.equal(await curl("-f", "-C", "-", "-o", path, `${files}big.bin`), `206 ${rest}`);
    await assertBig(path);
    assert.match(await curl("-C", "-", "-o", path, `${files}big.bin`), /^416 /);
    await assertBig(path);
  },
  "curl --etag-compare and -z download nothing twice": async ({ files, dir }) => {
    const [path, etag] = [join(dir, "a.log"), join(dir, "etag")];
    const url = `${files}logs/g/build.log`;
    assert.equal(await curl("-R", "--etag-save", etag, "-o", path, url), "200 7000");
    assert.equal(await curl("--etag-compare", etag, "-o", join(dir, "x"), url), "304 0");
    assert.equal(await curl("-z", path, "-o", join(dir, "x"), url), "304 0");
    await Deno.utime(path, 0, 0);
    assert.equal(await curl("-z", path, "-o", join(dir, "x"), url), "200 7000");
    assert.equal(await curl("--compressed", "-o", join(dir, "x"), url), "200 7000");
  },
  "curl -r reads ranges": async ({ files, dir }) => {
    const out = join(dir, "out");
    assert.equal(await curl("-r", "100-199", "-o", out, `${files}big.bin`), "206 100");
    assert.deepEqual(await Deno.readFile(out), BIG.slice(100, 200));
    assert.equal(await curl("-r", "-5", "-o", out, `${files}big.bin`), "206 5");
    assert.deepEqual(await Deno.readFile(out), BIG.slice(-5));
    assert.match(await curl("-r", "0-1,7-9", "-o", out, `${files}logs/g/build.log`), /^206 /);
    assert.match(await Deno.readTextFile(out), /bytes 0-1\/7000\r\n\r\na \r\n--.*7-9\/7000/s);
  },
  "curl -T and other methods are rejected": async ({ files, dir }) => {
    await Deno.writeTextFile(join(dir, "x"), "x");
    assert.match(await curl("-T", join(dir, "x"), "-o", "/dev/null", `${files}x`), /^405 /);
    assert.match(await curl("-X", "DELETE", "-o", "/dev/null", `${files}big.bin`), /^405 /);
  },
  "wget -c continues, and finds a whole file complete": async ({ files, dir }) => {
    const path = await begun(dir);
    for (let i = 0; i < 2; i++) {
      await runProgram("wget", ["-q", "-c", "-P", dir, `${files}big.bin`]);
      await assertBig(path);
    }
  },
  "wget --mirror downloads the whole run, and nothing above it": async ({ files, source, dir }) => {
    // Its name for the listings must not be that of stored pages.
    const args = ["-q", "--mirror", "-nH", "--cut-dirs=3", "--default-page=.listing", "-P", dir];
    for (let i = 0; i < 2; i++) {
      await runProgram("wget", [...args, files], { env: { LC_ALL: "C.UTF-8" } });
      const copy = await readTree(dir);
      const listings = Object.keys(copy).filter((path) => path.endsWith(".listing"));
      assert(listings.length > 5, "there is one for each directory");
      for (const path of listings) await Deno.remove(join(dir, path));
      await assertMirrored(dir, source);
    }
  },
  "the commands of the run's page download all files, and verify them": async (
    { files, source, dir },
  ) => {
    const page = await fetch(files.slice(0, -"/files/".length), {
      headers: { accept: "text/html" },
    });
    const [, , all, verify] = [...(await page.text()).matchAll(/<pre data-root[^>]*>([^<]*)</g)]
      .map(([, command]) => command.replaceAll("&#39;", "'").replaceAll("&amp;", "&"));
    const script = `set -o pipefail; cd '${dir}' && ${all} -q && ${verify} --quiet`;
    await runProgram("bash", ["-ec", script], { env: { LC_ALL: "C.UTF-8" } });
    for (const path of Object.keys(await readTree(dir))) {
      if (path.endsWith(".listing")) await Deno.remove(join(dir, path));
    }
    await assertMirrored(dir, source);
  },
  "aria2c -x8 downloads in pieces and checks the hash": async ({ files, dir }) => {
    const checksum = `--checksum=sha-256=${sha256(BIG)}`;
    const pieces = ["-q", "-x8", "-s8", "-k1M", "--no-conf", checksum, "-d", dir];
    await runProgram("aria2c", [...pieces, `${files}big.bin`]);
    await assertBig(join(dir, "big.bin"));
  },
  "lftp mirrors the whole run": async ({ files, source, dir }) => {
    const script = `set cmd:fail-exit yes; mirror --parallel=4 . ${dir}/copy; exit`;
    await runProgram("lftp", ["--norc", "-e", script, files], { env: { LC_ALL: "C.UTF-8" } });
    await assertMirrored(join(dir, "copy"), source);
  },
  "rclone copies the whole run": async ({ files, source, dir }) => {
    const config = ["--config", join(dir, "none"), "--http-url", files];
    await runProgram("rclone", [...config, "copy", ":http:", join(dir, "copy")]);
    await assertMirrored(join(dir, "copy"), source);
  },
  "rclone copies the whole run from the service as a bucket of S3": async (
    { files, source, dir },
  ) => {
    const { origin } = new URL(files);
    const remote = `:s3,provider=Other,endpoint='${origin}/s3':runs/${KEY}`;
    await runProgram("rclone", [
      ...["--config", join(dir, "none"), "--checkers", "2", "--s3-list-chunk", "3"],
      ...["copy", remote, join(dir, "copy")],
    ], { env: { AWS_CA_BUNDLE: "" } });
    await assertMirrored(join(dir, "copy"), source);
  },
  "pip downloads by --find-links and by --index-url": async ({ files, dir }) => {
    const options = ["-m", "pip", "--isolated", "--disable-pip-version-check", "--no-cache-dir"];
    const ways = [
      ["--no-index", "--find-links", `${files}python/g/`],
      ["--index-url", `${files}python/g/simple/`],
    ];
    for (const [i, way] of ways.entries()) {
      const to = join(dir, String(i));
      await runProgram("/usr/bin/python3", [
        ...options,
        "download",
        ...way,
        "-d",
        to,
        "small-wheel",
      ], {
        env: { PIP_CONFIG_FILE: "/dev/null" },
      });
      assert.deepEqual(Object.keys(await readTree(to)), [
        "small_wheel-1.0+rocm7.0-py3-none-any.whl",
      ]);
    }
  },
  "apt installs from packages/deb": async ({ files, dir }) => {
    const lists = "var/lib/apt/lists/partial/.keep";
    await writeTree(dir, {
      [lists]: "",
      "var/cache/apt/archives/partial/.keep": "",
      "var/lib/dpkg/status": "",
      "etc/apt/sources.list": `deb [trusted=yes] ${files}packages/deb stable main\n`,
      "etc/apt/apt.conf.d/.keep": "",
      "etc/apt/preferences.d/.keep": "",
      "etc/apt/trusted.gpg.d/.keep": "",
    });
    const options = [
      `Dir=${dir}`,
      `Dir::State::status=${dir}/var/lib/dpkg/status`,
      "APT::Architecture=amd64",
      "APT::Sandbox::User=",
      "Acquire::Languages=none",
      "Acquire::http::Proxy=DIRECT",
      "APT::Update::Error-Mode=any",
    ].flatMap((option) => ["-o", option]);
    const env = { APT_CONFIG: "/dev/null", DEBIAN_FRONTEND: "noninteractive" };
    // The second time, the lists have not changed.
    for (let i = 0; i < 2; i++) await runProgram("apt-get", [...options, "update"], { env });
    await runProgram("apt-get", [...options, "download", "rocm-one"], { env, cwd: dir });
    const names = Object.keys(await readTree(dir)).filter((path) => path.endsWith(".deb"));
    assert.equal(names.length, 1);
    await runProgram("dpkg-deb", ["--info", join(dir, names[0])]);
  },
};
