/** Archives, read back with other code than ours. */

import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import {
  type ArchiveMember,
  ARTIFACT_MANIFEST,
  listMembers,
} from "../../../src/archive/tar/list_members.ts";
import { pack, packedLength, type PackOptions } from "../../../src/archive/pack/pack.ts";
import { collect, concat, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { takesAnyName } from "../../support/odd_names.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";
import { decode, unpack } from "../../support/unpack.ts";

const onWindows = Deno.build.os === "windows";
const TIME = new Date("2026-03-04T05:06:07Z");

async function packDir(
  dir: string,
  options: PackOptions = { compression: "zst" },
): Promise<Uint8Array> {
  return await collect(pack(await listMembers(dir, { first: ARTIFACT_MANIFEST }), options));
}

/** Gives a directory and all below it one time. */
async function setTimes(dir: string, time: Date): Promise<void> {
  for await (const entry of Deno.readDir(dir)) {
    if (entry.isDirectory) await setTimes(join(dir, entry.name), time);
    else if (entry.isFile) await Deno.utime(join(dir, entry.name), time, time);
  }
  await Deno.utime(dir, time, time);
}

const FILES = {
  "artifact_manifest.txt": "math/stage\n",
  "a/first.txt": "before the manifest by name",
  "math/stage/lib/libblas.so.4": noise(700_000),
  "math/stage/empty.txt": "",
  "math/stage/grün/日本.txt": "names",
  "math/stage/😀": "smile",
};

for (const compression of ["zst", "gz"] as const) {
  Deno.test(`pack(): ${compression}: manifest first, then by name, contents as they are`, async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, FILES);
    await Deno.mkdir(join(temp.path, "math", "nothing"));
    const members = await unpack(await packDir(temp.path, { compression }), compression);
    assert.deepEqual(members.map(({ name, type }) => [name, type]), [
      ["artifact_manifest.txt", "file"],
      ["a/", "directory"],
      ["a/first.txt", "file"],
      ["math/", "directory"],
      ["math/nothing/", "directory"],
      ["math/stage/", "directory"],
      ["math/stage/empty.txt", "file"],
      ["math/stage/grün/", "directory"],
      ["math/stage/grün/日本.txt", "file"],
      ["math/stage/lib/", "directory"],
      ["math/stage/lib/libblas.so.4", "file"],
      ["math/stage/😀", "file"],
    ]);
    for (const { name, type, content, uid, gid } of members) {
      assert.deepEqual([uid, gid], [0, 0], "owners are left out");
      if (type !== "file") continue;
      const expected = FILES[name as keyof typeof FILES];
      const bytes = typeof expected === "string" ? new TextEncoder().encode(expected) : expected;
      assert.deepEqual(content, new Uint8Array(bytes), name);
    }
  });
}

Deno.test({
  name: "pack(): modes, times, symbolic and hard links are kept",
  ignore: onWindows,
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "b/tool": "run me", "b/data": "read me" });
    await Deno.chmod(join(temp.path, "b", "tool"), 0o755);
    await Deno.chmod(join(temp.path, "b", "data"), 0o640);
    await Deno.symlink("tool", join(temp.path, "b", "link"));
    await Deno.symlink("../nowhere", join(temp.path, "b", "dangling"));
    await Deno.symlink("b", join(temp.path, "dir-link"));
    await Deno.link(join(temp.path, "b", "data"), join(temp.path, "z-again"));
    await setTimes(temp.path, TIME);
    const members = await unpack(await packDir(temp.path), "zst");
    const byName = new Map(members.map((member) => [member.name, member]));
    assert.equal(byName.get("b/tool")!.mode, 0o755);
    assert.equal(byName.get("b/data")!.mode, 0o640);
    assert.deepEqual(byName.get("b/tool")!.mtime, TIME);
    assert.deepEqual(byName.get("b/")!.mtime, TIME);
    const link = (name: string) => [byName.get(name)!.type, byName.get(name)!.target];
    assert.deepEqual(link("b/link"), ["symlink", "tool"]);
    assert.deepEqual(link("b/dangling"), ["symlink", "../nowhere"]);
    assert.deepEqual(link("dir-link"), ["symlink", "b"]);
    assert.deepEqual(link("z-again"), ["link", "b/data"]);
    assert.equal(members.length, 7, "what a link points to is not packed a second time");
  },
});

Deno.test("pack(): names over 100 and over 255 characters, and long link targets, are whole", async () => {
  await using temp = await tempDir();
  const [x, y] = ["x".repeat(120), "ü".repeat(60)];
  const long = `${x}/${y}/${x}/${y}.txt`;
  assert(long.length > 255);
  await writeTree(temp.path, { [long]: "deep", [`${x}/${"z".repeat(100)}`]: "at the limit" });
  if (!onWindows) await Deno.symlink(long, join(temp.path, "link"));
  const members = await unpack(await packDir(temp.path), "zst");
  const names = members.map(({ name }) => name);
  assert(names.includes(long), names.join("\n"));
  assert(names.includes(`${x}/${"z".repeat(100)}`));
  if (!onWindows) assert.equal(members.find(({ name }) => name === "link")!.target, long);
});

Deno.test("pack(): the same tree elsewhere, created in another order, gives the same bytes", async () => {
  await using temp = await tempDir();
  const entries = Object.entries(FILES);
  for (const [name, order] of [["one", entries], ["two", entries.toReversed()]] as const) {
    await writeTree(join(temp.path, name), Object.fromEntries(order));
    await setTimes(join(temp.path, name), TIME);
  }
  for (const compression of ["zst", "gz"] as const) {
    const one = await packDir(join(temp.path, "one"), { compression });
    assert.deepEqual(one, await packDir(join(temp.path, "two"), { compression }));
    assert.deepEqual(one, await packDir(join(temp.path, "one"), { compression }));
  }
});

Deno.test("pack(): a higher level gives fewer bytes for the same members", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "text": Array.from(noise(20_000)).join(" ") });
  const sizes: number[] = [];
  for (const level of [1, 19]) {
    const bytes = await packDir(temp.path, { compression: "zst", level });
    sizes.push(bytes.length);
    assert.equal((await unpack(bytes, "zst")).length, 1);
  }
  assert(sizes[1] < sizes[0], sizes.join(" "));
});

for (const compression of ["zst", "xz", "gz"] as const) {
  Deno.test(`pack(): ${compression}: onPacked adds up to packedLength()`, async () => {
    await using temp = await tempDir();
    const long = `${"long/".repeat(60)}name`;
    const big = concat([noise(300_000), new Uint8Array(9_000_000)]);
    await writeTree(temp.path, { ...FILES, [long]: "pax", big });
    const members = await listMembers(temp.path);
    let packed = 0;
    const onPacked = (bytes: number) => void (packed += bytes);
    const archive = await collect(pack(members, { compression, level: 1, onPacked }));
    assert.equal(packed, (await decode(archive, compression)).length);
    assert.equal(packedLength(members), packed);
  });
}

Deno.test("pack(): no members make an empty archive", async () => {
  assert.deepEqual(await unpack(await collect(pack([], { compression: "zst" })), "zst"), []);
});

Deno.test("pack(): leaving the loop early closes everything", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a": noise(3_000_000), "b": noise(3_000_000, 2) });
  const members = await listMembers(temp.path);
  // The test's resource sanitizer fails if a file stays open.
  for await (const chunk of pack(members, { compression: "zst" })) {
    assert(chunk.length > 0);
    break;
  }
});

Deno.test("pack(): an abort rejects with its reason and closes everything", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a": noise(3_000_000), "b": noise(3_000_000, 2) });
  const members = await listMembers(temp.path);
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(async () => {
    for await (const _ of pack(members, { compression: "zst", signal: controller.signal })) {
      controller.abort(reason);
    }
  }, (error) => error === reason);
  await assert.rejects(
    collect(pack(members, { compression: "zst", signal: AbortSignal.abort() })),
    { name: "AbortError" },
  );
});

for (
  const [title, size] of [["grows", 2_000_000], ["shrinks", 900_000], ["is emptied", 0]] as const
) {
  Deno.test(`pack(): a file that ${title} meanwhile is an error that names it`, async () => {
    await using temp = await tempDir();
    const path = join(temp.path, "a");
    await Deno.writeFile(path, noise(1_000_000));
    const members = await listMembers(temp.path);
    await Deno.writeFile(path, noise(size));
    await rejectsWith(collect(pack(members, { compression: "zst" })), "failed", path);
  });
}

Deno.test("pack(): a file that vanished is not_found and named", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a": "a", "b": "b" });
  const members = await listMembers(temp.path);
  await Deno.remove(join(temp.path, "b"));
  await rejectsWith(
    collect(pack(members, { compression: "gz" })),
    "not_found",
    join(temp.path, "b"),
  );
});

Deno.test("listMembers(): a directory that is not there, and one that is a file", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "file": "" });
  await rejectsWith(listMembers(join(temp.path, "no")), "not_found", "no");
  await rejectsWith(listMembers(join(temp.path, "file")), "invalid", "file");
});

Deno.test({
  name: "listMembers(): a socket can't be packed, and says so",
  ignore: onWindows,
  fn: async () => {
    await using temp = await tempDir();
    using _ = Deno.listen({ transport: "unix", path: join(temp.path, "socket") });
    await rejectsWith(listMembers(temp.path), "invalid", "socket");
  },
});

Deno.test({
  name: "listMembers(): names and links that are not UTF-8 can't be packed, and say so",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    const { path } = temp;
    const make = async (name: string, command: string) => {
      await writeTree(join(path, name), { "b": "b" });
      const args = ["-c", `cd "$1" && ${command}`, "sh", join(path, name)];
      assert((await new Deno.Command("sh", { args }).output()).success);
      return join(path, name);
    };
    const refused = async (dir: string, name: string, why: string) => {
      const message = `Cannot pack '${join(dir, name)}': ${why}`;
      await rejectsWith(listMembers(dir), "invalid", message);
    };
    await refused(
      await make("file", `echo x > "$(printf 'a\\377')"`),
      "a\ufffd",
      "its name is not UTF-8",
    );
    await refused(
      await make("directory", `mkdir "$(printf 'd\\376')"`),
      "d\ufffd",
      "its name is not UTF-8",
    );
    // Both are listed by one name, which is that of the other.
    await refused(
      await make("two", `echo x > "$(printf 'a\\377')" && echo y > "$(printf 'a\\357\\277\\275')"`),
      "a\ufffd",
      "the name of a file next to it is not UTF-8",
    );
    await refused(
      await make("link", `ln -s "$(printf 'to\\377')" l`),
      "l",
      "it is a link to a name that is not UTF-8",
    );
    const fine = await make(
      "fine",
      `ln -s "$(printf 'a\\357\\277\\275')" l && echo y > "$(printf 'a\\357\\277\\275')"`,
    );
    assert.deepEqual(
      (await listMembers(fine)).map(({ name, target }) => target ?? name),
      ["a\ufffd", "b", "a\ufffd"],
    );
  },
});

Deno.test("listMembers(): the first file is first only at the top", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a": "", "z.txt": "", "b/a": "", "b/z.txt": "" });
  const names = (members: readonly ArchiveMember[]) => members.map(({ name }) => name);
  assert.deepEqual(names(await listMembers(temp.path, { first: "z.txt" })), [
    "z.txt",
    "a",
    "b",
    "b/a",
    "b/z.txt",
  ]);
  assert.deepEqual(names(await listMembers(temp.path, { first: "no" })).length, 5);
});

Deno.test("pack(): any tree comes back as it was", async () => {
  const name = fc.constantFrom(
    "a",
    "b",
    "ü",
    "with space",
    "-dash",
    "日本",
    ".hidden",
    "x".repeat(90),
  );
  const path = fc.array(name, { minLength: 1, maxLength: 4 })
    .map((parts) => `${parts.map((part) => `${part}.d`).slice(1).join("/")}/${parts[0]}.f`)
    .map((joined) => joined.replace(/^\//, ""));
  const content = fc.uint8Array({ maxLength: 2000 });
  await fc.assert(
    fc.asyncProperty(fc.dictionary(path, content, { maxKeys: 8 }), async (tree) => {
      await using temp = await tempDir();
      await writeTree(temp.path, tree);
      const members = await unpack(await packDir(temp.path), "zst");
      const files = members.filter(({ type }) => type === "file");
      assert.deepEqual(
        Object.fromEntries(files.map((file) => [file.name, [...file.content]])),
        Object.fromEntries(Object.entries(tree).map(([key, value]) => [key, [...value]])),
      );
      const names = members.map((member) => member.name.replace(/\/$/, ""));
      assert.equal(new Set(names).size, names.length);
    }),
    { numRuns: 25 },
  );
});
