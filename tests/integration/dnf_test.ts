/**
 * dnf takes packages from the repository that uploads of loose .rpm files make, whose metadata are
 * those of createrepo_c, with the option that docs/packages.md names.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { runs } from "../support/command_line.ts";
import { hasProgram, runProgram } from "../support/debian.ts";
import { serveDirectory } from "../support/http_server.ts";
import { makeRpm, type RpmSpec } from "../support/rpm.ts";
import { RUN } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";

const hasRpm = await hasProgram("rpmbuild");
const hasDnf = hasRpm && await hasProgram("dnf");
const hasCreaterepo = hasRpm && await hasProgram("createrepo_c");
for (
  const [name, has] of Object.entries({
    rpmbuild: hasRpm,
    dnf: hasDnf,
    createrepo_c: hasCreaterepo,
  })
) {
  if (!has) console.warn(`dnf_test: tests are skipped, there is no ${name}`);
}

interface Case {
  readonly dir: string;
  readonly staging: string;
  readonly repository: string;
}

function test(name: string, has: boolean, fn: (c: Case) => Promise<void>): void {
  Deno.test({
    name: `dnf: ${name}`,
    ignore: !has,
    fn: async () => {
      await using temp = await tempDir();
      const staging = join(temp.path, "staging");
      const repository = join(staging, "123-linux/packages/rpm/x86_64");
      await fn({ dir: temp.path, staging, repository });
    },
  });
}

const upload = (from: string, staging: string) =>
  runs(0, ["upload", "packages", from, "--pkg-type", "rpm", "--output-dir", staging, ...RUN]);

const CORE: RpmSpec = {
  name: "rocm-core",
  epoch: 2,
  preamble: [
    "Requires: rocm-llvm >= 1:2.0-3, /opt/rocm/bin/rocm-core, rocm-virtual = 3",
    "Requires(post): rocm-post",
    "Provides: rocm-virtual = 3, rocm-any",
    "Recommends: rocm-docs",
    "Suggests: rocm-samples < 9",
    "Supplements: rocm-tools",
    "Enhances: rocm-dev",
    "Conflicts: rocm-old <= 1.5",
    "Obsoletes: rocm-older < 1:1",
  ],
};
const LLVM: RpmSpec = {
  name: "rocm+llvm",
  version: "3.0~rc1^git",
  arch: "x86_64",
  payload: "w3.zstdio",
  preamble: ["Provides: rocm-llvm = 1:2.0-4"],
};

/** dnf with nothing of this system, and one repository. */
async function dnf(dir: string, url: string, ...args: string[]): Promise<string> {
  await Deno.mkdir(join(dir, "log"), { recursive: true });
  return await runProgram("dnf", [
    "-q",
    "-y",
    `--setopt=reposdir=${dir}/none`,
    `--setopt=cachedir=${dir}/cache`,
    `--setopt=logdir=${dir}/log`,
    `--setopt=persistdir=${dir}/lib`,
    "--setopt=proxy=",
    `--installroot=${dir}/root`,
    "--releasever=1",
    "--forcearch=x86_64",
    `--repofrompath=rocm,${url}`,
    "--repo=rocm",
    "--nogpgcheck",
    ...args,
  ], { cwd: dir, env: { HOME: dir } });
}

test(
  "the metadata are those of createrepo_c, merged from two uploads",
  hasCreaterepo,
  async (c) => {
    const { dir, staging, repository } = c;
    await makeRpm(join(dir, "one"), CORE);
    await makeRpm(join(dir, "two"), LLVM);
    await upload(join(dir, "one"), staging);
    await upload(join(dir, "two"), staging);
    const all = join(dir, "all");
    await Deno.mkdir(all);
    for await (const { name } of Deno.readDir(repository)) {
      if (name.endsWith(".rpm")) await Deno.copyFile(join(repository, name), join(all, name));
    }
    await runProgram("createrepo_c", ["-q", all]);
    const ours = await readMetadata(repository);
    assert.equal(ours.primary.length, 2);
    assert.deepEqual(ours, await readMetadata(all));
  },
);

test(
  "adds packages to a repository of createrepo_c",
  hasCreaterepo && hasDnf,
  async (c) => {
    const { dir, staging, repository } = c;
    const ready = join(dir, "ready");
    await makeRpm(join(ready, "x86_64"), CORE);
    await runProgram("createrepo_c", ["-q", join(ready, "x86_64")]);
    await upload(ready, staging);
    await makeRpm(join(dir, "two"), LLVM);
    await upload(join(dir, "two"), staging);
    const names = await dnf(dir, pathToFileURL(repository).href, "repoquery", "--qf", "%{name}");
    assert.deepEqual(names.trim().split("\n").sort(), ["rocm+llvm", "rocm-core"]);
    const repomd = await Deno.readTextFile(join(repository, "repodata/repomd.xml"));
    assert(!repomd.includes("_db"), "a database of the packages from before is left out");
    await runs(0, ["verify", "--staging-dir", staging, ...RUN]);
  },
);

test("reads it from a disk and over HTTP: makecache, repoquery, download", hasDnf, async (c) => {
  const { dir, staging, repository } = c;
  await makeRpm(join(dir, "one"), CORE);
  await makeRpm(join(dir, "one/deeper"), LLVM);
  await upload(join(dir, "one"), staging);
  await using server = serveDirectory(staging);
  const urls = [
    pathToFileURL(repository).href,
    `${server.url}/123-linux/packages/rpm/x86_64`,
  ];
  for (const [i, url] of urls.entries()) {
    const own = join(dir, `dnf${i}`);
    await Deno.mkdir(own);
    await dnf(own, url, "makecache");
    const required = await dnf(own, url, "repoquery", "--requires", "--resolve", "rocm-core");
    assert.match(required, /^rocm\+llvm-0:3\.0~rc1\^git-1\.x86_64$/m);
    assert.match(
      await dnf(own, url, "repoquery", "--list", "rocm-core"),
      /\/opt\/rocm\/a & b\.txt/,
    );
    await dnf(own, url, "download", "rocm-core", "rocm+llvm");
    for (const name of ["rocm-core-1.0-1.noarch", "rocm+llvm-3.0~rc1^git-1.x86_64"]) {
      await runProgram("rpm", ["-K", "--nosignature", join(own, `${name}.rpm`)]);
    }
  }
});

test("two concurrent uploads: both are in the repository", hasDnf, async (c) => {
  const { dir, staging, repository } = c;
  const names = Array.from({ length: 5 }, (_, i) => `rocm-part${i}`);
  for (const name of names) await makeRpm(join(dir, name), { name });
  await Promise.all(names.map((name) => upload(join(dir, name), staging)));
  const found = await dnf(dir, pathToFileURL(repository).href, "repoquery", "--qf", "%{name}");
  assert.deepEqual(found.trim().split("\n").sort(), names);
});

/** The lists of a repository by Python's XML: values in an order of their own, times left out. */
async function readMetadata(dir: string): Promise<Record<string, unknown[]>> {
  const text = await runProgram("python3", ["-c", READER, dir]);
  return JSON.parse(text);
}

const READER = `
import gzip, hashlib, json, sys, xml.etree.ElementTree as ET
def plain(e):
    attributes = dict(e.attrib)
    name = e.tag.split('}')[1]
    if name == 'time': del attributes['file']
    children = [plain(c) for c in e]
    # Each entry counts once, in any order.
    children = [json.loads(c) for c in sorted({json.dumps(c, sort_keys=True) for c in children})]
    return [e.tag, attributes, (e.text or '').strip(), children]
root = ET.parse(sys.argv[1] + '/repodata/repomd.xml').getroot()
repo = '{http://linux.duke.edu/metadata/repo}'
lists = {}
for data in root.findall(repo + 'data'):
    if data.get('type') not in ('primary', 'filelists', 'other'): continue
    path = sys.argv[1] + '/' + data.find(repo + 'location').get('href')
    raw = open(path, 'rb').read()
    assert hashlib.sha256(raw).hexdigest() == data.find(repo + 'checksum').text
    assert len(raw) == int(data.find(repo + 'size').text)
    text = gzip.decompress(raw)
    assert hashlib.sha256(text).hexdigest() == data.find(repo + 'open-checksum').text
    assert len(text) == int(data.find(repo + 'open-size').text)
    document = ET.fromstring(text)
    assert int(document.get('packages')) == len(document)
    lists[data.get('type')] = [plain(p) for p in document]
    lists[data.get('type')].sort(key=json.dumps)
print(json.dumps(lists))
`;
