/** Loose packages become a repository, or are added to the one that is there. */

import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { join } from "node:path";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import type { NativePackageType } from "../../../src/layout/output_paths.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { planPackages } from "../../../src/operations/upload/packages.ts";
import {
  executeUpload,
  UploadPlanner,
  type UploadReport,
} from "../../../src/operations/upload/plan.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { DryRunBackend } from "../../../src/storage/dry_run.ts";
import { ForwardingBackend } from "../../../src/storage/forwarding.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { sha256 } from "../../support/bytes.ts";
import { deb, rpm } from "../../support/package_builder.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const ROOT = RunOutputRoot.forLocal({ runId: "1", platform: "linux" });
const DEB = ROOT.nativeLinuxPackages("deb");
const RELEASE = DEB.join("dists/stable/Release");
const PACKAGES = DEB.join("dists/stable/main/binary-amd64/Packages");
const REPOMD = ROOT.nativeLinuxPackages("rpm").join("x86_64/repodata/repomd.xml");

async function upload(
  backend: StorageBackend,
  files: Readonly<Record<string, Uint8Array | string>>,
  type: NativePackageType = "deb",
): Promise<UploadReport> {
  await using dir = await tempDir();
  await writeTree(dir.path, files);
  const planner = new UploadPlanner();
  await planPackages(ROOT, { packagesDir: dir.path, type, jobType: "nightly" }, planner);
  return await executeUpload(backend, planner.plan());
}

async function textOf(backend: StorageBackend, location: OutputLocation): Promise<string> {
  const bytes = await bytesOf(backend, location);
  return new TextDecoder().decode(bytes);
}

async function bytesOf(backend: StorageBackend, location: OutputLocation): Promise<Uint8Array> {
  await using body = await backend.read(location);
  const pieces = [];
  for await (const chunk of body) pieces.push(chunk.slice());
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

const fileNames = (packages: string) =>
  [...packages.matchAll(/^Filename: (.*)$/gm)].map(([, name]) => name);
const outcomes = ({ results }: UploadReport) =>
  Object.fromEntries(results.map(({ location, outcome }) => [location.name, outcome]));
const failures = ({ results }: UploadReport) =>
  results.filter(({ outcome }) => outcome === "failed").map(({ error }) => error!.message);

/** The list of packages that a reader of the repository finds. */
async function listText(backend: StorageBackend, type: NativePackageType): Promise<string> {
  if (type === "deb") return await textOf(backend, PACKAGES);
  const repomd = await textOf(backend, REPOMD);
  const [, href] = /href="(repodata\/[0-9a-f]{64}-primary\.xml\.gz)"/.exec(repomd)!;
  const packed = await bytesOf(backend, ROOT.nativeLinuxPackages("rpm").join(`x86_64/${href}`));
  return gunzipSync(packed).toString();
}

/** The packages that a DNF repository tells of. */
async function rpmNames(backend: StorageBackend): Promise<string[]> {
  const primary = await listText(backend, "rpm");
  return [...primary.matchAll(/<location href="([^"]*)"/g)].map(([, name]) => name);
}

Deno.test("loose .deb files: the tree of a repository, with all its hashes", async () => {
  const backend = new MemoryBackend();
  const file = deb("rocm-core");
  const report = await upload(backend, { "deep/rocm-core_1.0_amd64.deb": file, "notes.md": "" });
  assert.deepEqual(failures(report), []);
  assert.deepEqual(report.notes.map(({ reason }) => reason), ["not a .deb file"]);
  const packages = await textOf(backend, PACKAGES);
  assert.deepEqual(fileNames(packages), ["pool/main/rocm-core_1.0_amd64.deb"]);
  assert.match(packages, new RegExp(`^SHA256: ${sha256(file)}$`, "m"));
  assert.match(packages, new RegExp(`^Size: ${file.length}$`, "m"));
  const packed = await bytesOf(backend, DEB.join("dists/stable/main/binary-amd64/Packages.gz"));
  assert.equal(gunzipSync(packed).toString(), packages);

  const release = await textOf(backend, RELEASE);
  const head = release.split("\n").filter((line) => !/^ |^Date|^MD5|^SHA/.test(line));
  assert.deepEqual(head, [
    "Origin: AMD ROCm",
    "Label: ROCm nightly Packages",
    "Suite: stable",
    "Codename: stable",
    "Architectures: amd64",
    "Components: main",
    "Acquire-By-Hash: yes",
    "",
  ]);
  assert.match(release, /^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d UTC$/m);
  const line = (text: string, name: string) => ` ${sha256(text)} \\d+ main/binary-amd64/${name}\n`;
  assert.match(release, new RegExp(line(packages, "Packages")));
  assert.equal(release.match(/main\/binary-amd64\/Packages\.gz$/gm)!.length, 3);
  const byHash = DEB.join(`dists/stable/main/binary-amd64/by-hash/SHA256/${sha256(packages)}`);
  assert.equal(await textOf(backend, byHash), packages);
});

Deno.test("the metadata are written after the packages, what lists them last", async () => {
  for (const type of ["deb", "rpm"] as const) {
    const written: string[] = [];
    const inner = new MemoryBackend();
    const backend = new class extends ForwardingBackend {
      override async write(...[location, ...rest]: Parameters<StorageBackend["write"]>) {
        written.push(location.name);
        return await super.write(location, ...rest);
      }
    }(inner);
    const make = type === "deb" ? deb : rpm;
    await upload(backend, { [`b.${type}`]: make("rocm-b"), [`a.${type}`]: make("rocm-a") }, type);
    assert.deepEqual(written.slice(0, 2).sort(), [`a.${type}`, `b.${type}`]);
    assert.equal(written.at(-1), type === "deb" ? "Release" : "repomd.xml");
  }
});

for (const type of ["deb", "rpm"] as const) {
  const make = type === "deb" ? deb : rpm;
  const listed = async (backend: StorageBackend) =>
    type === "deb"
      ? fileNames(await textOf(backend, PACKAGES)).map((name) => name.replace("pool/main/", ""))
      : await rpmNames(backend);
  const head = type === "deb" ? RELEASE : REPOMD;

  Deno.test(`${type}: a second upload adds its packages without reading existing ones`, async () => {
    const inner = new MemoryBackend();
    await upload(inner, { [`a.${type}`]: make("rocm-a") }, type);
    const read: string[] = [];
    const backend = new class extends ForwardingBackend {
      override async read(...[location, ...rest]: Parameters<StorageBackend["read"]>) {
        read.push(location.name);
        return await super.read(location, ...rest);
      }
    }(inner);
    const report = await upload(backend, { [`b.${type}`]: make("rocm-b") }, type);
    assert.deepEqual(failures(report), []);
    assert.deepEqual(await listed(inner), [`a.${type}`, `b.${type}`]);
    assert(!read.some((name) => name.endsWith(`.${type}`)), read.join());
  });

  Deno.test(`${type}: the same upload again changes nothing`, async () => {
    const backend = new MemoryBackend();
    await upload(backend, { [`a.${type}`]: make("rocm-a") }, type);
    const before = await textOf(backend, head);
    const report = await upload(backend, { [`a.${type}`]: make("rocm-a") }, type);
    assert.deepEqual(new Set(Object.values(outcomes(report))), new Set(["skipped", "unchanged"]));
    assert.equal(await textOf(backend, head), before);
  });

  Deno.test(`${type}: a package that is there by name stays, and a note says so`, async () => {
    const backend = new MemoryBackend();
    const first = type === "deb" ? deb("rocm-a") : rpm("rocm-a");
    const second = type === "deb"
      ? deb("rocm-a", { data: "other" })
      : rpm("rocm-a", { payload: "other" });
    await upload(backend, { [`a.${type}`]: first }, type);
    const before = await textOf(backend, head);
    const report = await upload(backend, { [`a.${type}`]: second }, type);
    assert.deepEqual(failures(report), []);
    assert.deepEqual(report.notes.map(({ reason }) => reason), [
      "a package of this name with other content is there and stays",
    ]);
    assert.equal(await textOf(backend, head), before);
    const dir = type === "deb" ? "pool/main" : "x86_64";
    const stored = ROOT.nativeLinuxPackages(type).join(`${dir}/a.${type}`);
    assert.equal(sha256(await bytesOf(backend, stored)), sha256(first));
  });

  Deno.test(`${type}: with --if-exists fail the message does not advise to replace`, async () => {
    const backend = new MemoryBackend();
    await upload(backend, { [`a.${type}`]: make("rocm-a") }, type);
    await using dir = await tempDir();
    await writeTree(dir.path, { [`a.${type}`]: make("rocm-b") });
    const planner = new UploadPlanner();
    await planPackages(ROOT, { packagesDir: dir.path, type, jobType: "ci" }, planner);
    const [failure] = failures(await executeUpload(backend, planner.plan(), { ifExists: "fail" }));
    assert.match(
      failure,
      /files of its kind are never replaced: delete it, or upload under another/,
    );
  });

  Deno.test(`${type}: a package left by a killed upload is listed as it is`, async () => {
    const backend = new MemoryBackend();
    const theirs = type === "deb"
      ? deb("rocm-a", { data: "theirs" })
      : rpm("rocm-a", { payload: "theirs" });
    const dir = type === "deb" ? "pool/main" : "x86_64";
    await backend.write(
      ROOT.nativeLinuxPackages(type).join(`${dir}/a.${type}`),
      bytesSource(theirs),
    );
    const report = await upload(backend, { [`a.${type}`]: make("rocm-a") }, type);
    assert.deepEqual(failures(report), []);
    assert.equal(report.notes.length, 1);
    assert.deepEqual(await listed(backend), [`a.${type}`]);
    if (type === "deb") assert((await textOf(backend, PACKAGES)).includes(sha256(theirs)));
  });

  for (const died of [false, true]) {
    const when = died ? "by an upload that died before the metadata, then again" : "again";
    Deno.test(`${type}: a listed package that was deleted and is uploaded ${when} gets its hash`, async () => {
      const backend = new MemoryBackend();
      const [first, second] = type === "deb"
        ? [deb("rocm-a"), deb("rocm-a", { data: "rebuilt" })]
        : [rpm("rocm-a"), rpm("rocm-a", { payload: "rebuilt" })];
      await upload(backend, { [`a.${type}`]: first, [`b.${type}`]: make("rocm-b") }, type);
      const dir = type === "deb" ? "pool/main" : "x86_64";
      const stored = ROOT.nativeLinuxPackages(type).join(`${dir}/a.${type}`);
      await backend.delete(stored);
      if (died) await backend.write(stored, bytesSource(second));
      const report = await upload(backend, { [`a.${type}`]: second }, type);
      assert.deepEqual(failures(report), []);
      assert.deepEqual(report.notes, []);
      assert.deepEqual(await listed(backend), [`a.${type}`, `b.${type}`]);
      const lists = await listText(backend, type);
      assert(lists.includes(sha256(second)) && !lists.includes(sha256(first)), lists);
    });
  }

  Deno.test(`${type}: ten concurrent uploads lose no package`, async () => {
    const backend = new MemoryBackend();
    const names = Array.from({ length: 10 }, (_, i) => `rocm-${i}`);
    const reports = await Promise.all(
      names.map((name) => upload(slow(backend), { [`${name}.${type}`]: make(name) }, type)),
    );
    assert.deepEqual(reports.flatMap(failures), []);
    assert.deepEqual(await listed(backend), names.map((name) => `${name}.${type}`));
    if (type === "rpm") return;
    const release = await textOf(backend, RELEASE);
    assert(release.includes(sha256(await textOf(backend, PACKAGES))), "Release is of Packages");
  });

  Deno.test(`${type}: a broken package fails, the others are there and listed`, async () => {
    const backend = new MemoryBackend();
    const files = { [`a.${type}`]: make("rocm-a"), [`b.${type}`]: make("rocm-b").subarray(0, -3) };
    const report = await upload(backend, files, type);
    const [failure, ...more] = failures(report);
    assert.match(
      failure,
      /^Cannot upload '[^']*b\.(?:deb|rpm)': [^\n]*\. Build the package again$/,
    );
    assert.deepEqual(more, []);
    assert.deepEqual(await listed(backend), [`a.${type}`]);
  });

  Deno.test(`${type}: another architecture is rejected`, async () => {
    const file = type === "deb"
      ? deb("rocm-a", { Architecture: "arm64" })
      : rpm("rocm-a", { tags: { 1022: "aarch64" } });
    const [failure] = failures(await upload(new MemoryBackend(), { [`a.${type}`]: file }, type));
    assert.match(failure, /its architecture is (?:arm64, .* amd64|aarch64, .* x86_64)/);
  });

  Deno.test(`${type}: metadata that a reader could not trust are an error, and stay`, async () => {
    const backend = new MemoryBackend();
    await upload(backend, { [`a.${type}`]: make("rocm-a") }, type);
    for await (const { location } of backend.list(ROOT.root())) {
      if (/by-hash|-primary|Packages$/.test(location.key)) {
        await backend.write(location, bytesSource("something else"));
      }
    }
    const before = await textOf(backend, head);
    const [failure] = failures(await upload(backend, { [`b.${type}`]: make("rocm-b") }, type));
    assert.match(failure, /^Cannot add packages to the repository of .* it expects /);
    assert.equal(await textOf(backend, head), before);
  });

  Deno.test(`${type}: a signed repository is not changed`, async () => {
    const backend = new MemoryBackend();
    await upload(backend, { [`a.${type}`]: make("rocm-a") }, type);
    const signature = type === "deb"
      ? DEB.join("dists/stable/InRelease")
      : REPOMD.parent.join("repomd.xml.asc");
    await backend.write(signature, bytesSource("signed"));
    const before = await textOf(backend, head);
    const [failure] = failures(await upload(backend, { [`b.${type}`]: make("rocm-b") }, type));
    assert.match(failure, /it is signed/);
    assert.equal(await textOf(backend, head), before);
  });

  Deno.test(`${type}: a dry run lists all names and writes nothing`, async () => {
    const backend = new MemoryBackend();
    const files = { [`a.${type}`]: make("rocm-a") };
    const planned = await upload(new DryRunBackend(backend), files, type);
    assert.deepEqual(new Set(Object.values(outcomes(planned))), new Set(["planned"]));
    assert.deepEqual(await Array.fromAsync(backend.list(ROOT.root())), []);
    const written = await upload(backend, files, type);
    assert.deepEqual(Object.keys(outcomes(planned)), Object.keys(outcomes(written)));
  });
}

Deno.test("a repository of another tool keeps other fields of its Release", async () => {
  const backend = new MemoryBackend();
  await upload(backend, { "a.deb": deb("rocm-a") });
  const release = (await textOf(backend, RELEASE))
    .replace("Label: ROCm nightly Packages", "Label: Theirs")
    .replace("Date: ", "Date: Thu, 01 Jan 2099 00:00:00 UTC\nX-Was: ")
    .replace("SHA256:\n", `SHA256:\n ${"0".repeat(64)} 5 main/Contents-amd64\n`)
    .replace("SHA256:\n", `SHA256:\n ${"1".repeat(64)} 5 main/binary-amd64/Packages.xz\n`);
  await backend.write(RELEASE, bytesSource(release));
  await upload(backend, { "b.deb": deb("rocm-b") });
  const after = await textOf(backend, RELEASE);
  assert.match(after, /^Label: Theirs$/m);
  assert.match(after, /main\/Contents-amd64$/m);
  assert(!after.includes("Packages.xz"), "a list of other packages is not told of");
  // apt ignores a Release that is older than the one it has.
  assert.match(after, /^Date: Thu, 01 Jan 2099 00:00:00 UTC$/m);
});

for (const last of ["Packages", "Packages.gz", "Release"]) {
  Deno.test(`a repository of another tool: an upload that dies before ${last} is mended by the next`, async () => {
    const backend = new MemoryBackend();
    await upload(backend, { "a.deb": deb("rocm-a") });
    // Other tools write the lists under their plain names alone.
    for await (const { location } of backend.list(DEB)) {
      if (location.key.includes("/by-hash/")) await backend.delete(location);
    }
    const release = (await textOf(backend, RELEASE)).replace("Acquire-By-Hash: yes\n", "");
    await backend.write(RELEASE, bytesSource(release));
    const dying = new class extends ForwardingBackend {
      override async write(...[location, ...rest]: Parameters<StorageBackend["write"]>) {
        if (location.name === last) throw new Error("killed");
        return await super.write(location, ...rest);
      }
    }(backend);
    assert.equal(failures(await upload(dying, { "b.deb": deb("rocm-b") })).length, 1);
    assert.equal(await textOf(backend, RELEASE), release);
    assert.deepEqual(failures(await upload(backend, { "c.deb": deb("rocm-c") })), []);
    // The package of the upload that died is listed once it is uploaded again.
    assert.deepEqual(failures(await upload(backend, { "b.deb": deb("rocm-b") })), []);
    const packages = await textOf(backend, PACKAGES);
    assert.deepEqual(
      fileNames(packages),
      ["a", "b", "c"].map((name) => `pool/main/${name}.deb`),
    );
    assert((await textOf(backend, RELEASE)).includes(sha256(packages)));
  });
}

Deno.test("of two packages of one name, in two directories, one is uploaded with a note", async () => {
  const report = await upload(new MemoryBackend(), {
    [join("x", "a.deb")]: deb("rocm-a"),
    [join("y", "a.deb")]: deb("rocm-a"),
  });
  assert.deepEqual(failures(report), []);
  assert.match(report.notes[0].reason, /is uploaded to .*pool\/main\/a\.deb instead/);
});

/** A storage whose answers take a moment, so that writers come between each other. */
function slow(inner: StorageBackend): StorageBackend {
  const pause = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
  return new class extends ForwardingBackend {
    override async stat(...args: Parameters<StorageBackend["stat"]>) {
      await pause();
      return await super.stat(...args);
    }
    override async read(...args: Parameters<StorageBackend["read"]>) {
      await pause();
      return await super.read(...args);
    }
    override async write(...args: Parameters<StorageBackend["write"]>) {
      await pause();
      return await super.write(...args);
    }
  }(inner);
}
