/**
 * apt installs from the repository that uploads of loose .deb files make, over HTTP and from a disk,
 * with the source that docs/packages.md names.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runs } from "../support/command_line.ts";
import { hasProgram, makeDeb, runProgram } from "../support/debian.ts";
import { serveDirectory } from "../support/http_server.ts";
import { RUN } from "../support/staging.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const hasApt = await hasProgram("apt-get") && await hasProgram("dpkg-deb");
if (!hasApt) console.warn("apt_test: skipped, there is no apt-get or no dpkg-deb");

interface Case {
  readonly dir: string;
  readonly staging: string;
}

function test(name: string, fn: (c: Case) => Promise<void>): void {
  Deno.test({
    name: `apt: ${name}`,
    ignore: !hasApt,
    fn: async () => {
      await using temp = await tempDir();
      await fn({ dir: temp.path, staging: join(temp.path, "staging") });
    },
  });
}

const upload = (from: string, staging: string) =>
  runs(0, ["upload", "packages", from, "--pkg-type", "deb", "--output-dir", staging, ...RUN]);

/** A root of its own for apt, which takes packages from one repository. */
async function aptRoot(dir: string, uri: string): Promise<(...args: string[]) => Promise<string>> {
  const lists = "var/lib/apt/lists/partial/.keep";
  await writeTree(dir, {
    [lists]: "",
    "var/cache/apt/archives/partial/.keep": "",
    "var/lib/dpkg/status": "",
    "etc/apt/sources.list": `deb [trusted=yes] ${uri} stable main\n`,
    "etc/apt/apt.conf.d/.keep": "",
    "etc/apt/preferences.d/.keep": "",
    "etc/apt/trusted.gpg.d/.keep": "",
    "downloads/.keep": "",
  });
  const options = [
    `Dir=${dir}`,
    `Dir::State::status=${dir}/var/lib/dpkg/status`,
    "APT::Architecture=amd64",
    "APT::Sandbox::User=",
    "Acquire::Languages=none",
    "APT::Get::List-Cleanup=false",
    "Acquire::http::Proxy=DIRECT",
  ].flatMap((option) => ["-o", option]);
  return (...args) =>
    runProgram("apt-get", [...options, ...args], {
      env: { APT_CONFIG: "/dev/null", DEBIAN_FRONTEND: "noninteractive" },
      cwd: join(dir, "downloads"),
    });
}

test("installs packages of every compression, merged from two uploads", async ({ dir, staging }) => {
  await makeDeb(join(dir, "one"), { name: "rocm-gz", compression: "gzip" });
  await makeDeb(join(dir, "one/deeper"), { name: "rocm-xz", depends: "rocm-zst" });
  await makeDeb(join(dir, "two"), { name: "rocm-zst", compression: "zstd" });
  await makeDeb(join(dir, "two"), {
    name: "rocm+plain",
    version: "2.0~rc1+b2",
    architecture: "all",
    compression: "none",
  });
  await upload(join(dir, "one"), staging);
  const uri = `file:${staging}/123-linux/packages/deb`;
  const apt = await aptRoot(join(dir, "apt"), uri);
  await apt("update", "-qq");
  assert.match(await apt("install", "-y", "--simulate", "rocm-gz"), /Inst rocm-gz \(1\.0 ROCm ci/);

  await upload(join(dir, "two"), staging);
  await using server = serveDirectory(staging);
  const url = `${server.url}/123-linux/packages/deb`;
  const second = await aptRoot(join(dir, "apt2"), url);
  // Any trouble with a hash is a warning only.
  await second("update", "-o", "APT::Update::Error-Mode=any");
  const plan = await second("install", "-y", "--simulate", "rocm-xz", "rocm-gz", "rocm+plain");
  for (const name of ["rocm-xz", "rocm-zst", "rocm-gz", "rocm\\+plain"]) {
    assert.match(plan, new RegExp(`^Inst ${name} `, "m"));
  }
  await second("download", "rocm-xz", "rocm-gz", "rocm-zst", "rocm+plain");
  for (const name of ["rocm-xz", "rocm-gz", "rocm-zst", "rocm+plain"]) {
    const downloaded = [];
    for await (const entry of Deno.readDir(join(dir, "apt2/downloads"))) {
      if (entry.name.startsWith(name)) downloaded.push(entry.name);
    }
    assert.equal(downloaded.length, 1, name);
    await runProgram("dpkg-deb", ["--info", join(dir, "apt2/downloads", downloaded[0])]);
  }
});

test("the repository lists the same as dpkg-scanpackages", async ({ dir, staging }) => {
  for (const compression of ["gzip", "xz", "zstd"] as const) {
    await makeDeb(join(dir, "packages"), { name: `rocm-${compression}`, compression });
  }
  await upload(join(dir, "packages"), staging);
  const repository = join(staging, "123-linux/packages/deb");
  const ours = await Deno.readTextFile(
    join(repository, "dists/stable/main/binary-amd64/Packages"),
  );
  const theirs = await runProgram("dpkg-scanpackages", ["--multiversion", "pool"], {
    cwd: repository,
  });
  assert.deepEqual(fieldsOf(ours), fieldsOf(theirs));
});

test("two concurrent uploads: both are in the repository", async ({ dir, staging }) => {
  const names = Array.from({ length: 6 }, (_, i) => `rocm-part${i}`);
  await Promise.all(names.map((name) => makeDeb(join(dir, name), { name })));
  await Promise.all(names.map((name) => upload(join(dir, name), staging)));
  await using server = serveDirectory(staging);
  const apt = await aptRoot(join(dir, "apt"), `${server.url}/123-linux/packages/deb`);
  await apt("update", "-o", "APT::Update::Error-Mode=any");
  await apt("download", ...names);
});

test("a reader with an older Release can download its lists", async ({ dir, staging }) => {
  await makeDeb(join(dir, "one"), { name: "rocm-one" });
  await makeDeb(join(dir, "two"), { name: "rocm-two" });
  await upload(join(dir, "one"), staging);
  const repository = join(staging, "123-linux/packages/deb");
  const release = join(repository, "dists/stable/Release");
  const older = await Deno.readFile(release);
  await upload(join(dir, "two"), staging);
  await Deno.writeFile(release, older);
  await using server = serveDirectory(staging);
  const apt = await aptRoot(join(dir, "apt"), `${server.url}/123-linux/packages/deb`);
  await apt("update", "-o", "APT::Update::Error-Mode=any");
  await apt("download", "rocm-one");
});

/** The fields of each package, by file name. */
function fieldsOf(packages: string): Record<string, Record<string, string>> {
  return Object.fromEntries(
    packages.trim().split("\n\n").map((paragraph) => {
      const fields = Object.fromEntries(
        paragraph.replaceAll(/\n /g, "\u0000").split("\n").map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon), line.slice(colon + 1).trim()];
        }),
      );
      return [fields.Filename, fields];
    }),
  );
}
