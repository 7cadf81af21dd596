/** Whether other users can change a place, or put something else there. */

import assert from "node:assert/strict";
import { isOursAlone, openPlace } from "../../src/ownership/ours_alone.ts";
import { tempDir } from "../support/temp_dir.ts";

/** A directory `a/b/c` that is ours alone, as the temporary directory is sticky. */
async function nested() {
  const dir = await tempDir();
  const path = await Deno.realPath(dir.path);
  await Deno.mkdir(`${path}/a/b/c`, { recursive: true });
  for (const below of ["", "/a", "/a/b", "/a/b/c"]) await Deno.chmod(path + below, 0o755);
  const { uid } = await Deno.lstat(path);
  return { path, user: uid, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `openPlace(): ${name}`, ignore: Deno.build.os === "windows", fn });
}

test("a place in the user's own directories is the user's alone", async () => {
  await using t = await nested();
  assert.equal(openPlace(`${t.path}/a/b/c`, t.user), undefined);
  assert.equal(openPlace(`${t.path}/./a//b/c/../c/`, t.user), undefined);
  assert(isOursAlone(t.path, t.user));
});

test("a directory above that others may write to is found", async () => {
  for (
    const [mode, why] of [
      [0o777, "all users may write to it"],
      [0o757, "all users may write to it"],
      [0o775, "its group may write to it"],
      [0o2775, "its group may write to it"],
    ] as const
  ) {
    for (const open of ["/a", "/a/b", "/a/b/c"]) {
      await using t = await nested();
      await Deno.chmod(t.path + open, mode);
      assert.deepEqual(openPlace(`${t.path}/a/b/c`, t.user), { path: t.path + open, why });
      assert(!isOursAlone(`${t.path}/a/b/c`, t.user));
    }
  }
});

test("a sticky directory above is no harm, but is not the user's alone itself", async () => {
  await using t = await nested();
  for (const mode of [0o1777, 0o1775]) {
    await Deno.chmod(`${t.path}/a`, mode);
    assert.equal(openPlace(`${t.path}/a/b`, t.user), undefined);
    assert.equal(openPlace(`${t.path}/a`, t.user)?.path, `${t.path}/a`);
  }
});

test("a sticky file is no sticky directory", async () => {
  await using t = await nested();
  await Deno.writeTextFile(`${t.path}/a/file`, "");
  await Deno.chmod(`${t.path}/a/file`, 0o1666);
  assert.equal(openPlace(`${t.path}/a/file`, t.user)?.why, "all users may write to it");
});

test("what belongs to another user is found; what belongs to root is no harm", async () => {
  await using t = await nested();
  const another = t.user! + 1;
  const found = openPlace(`${t.path}/a/b/c`, another);
  if (t.user === 0) assert.equal(found, undefined);
  else assert.deepEqual(found, { path: t.path, why: "belongs to another user" });
  assert.equal(openPlace("/", null), undefined);
  assert.equal(isOursAlone(t.path, null), t.user === 0);
});

test("a directory of another user above is found", async () => {
  await using t = await nested();
  // Only root can give directories away; the test above asks as another user.
  if (t.user !== 0) return;
  await Deno.chown(`${t.path}/a/b`, 65534, 65534);
  const expected = { path: `${t.path}/a/b`, why: "belongs to another user" };
  assert.deepEqual(openPlace(`${t.path}/a/b/c`, t.user), expected);
});

test("a link is followed, and the directories on its way are checked", async () => {
  await using t = await nested();
  await Deno.symlink("b/../../a/b", `${t.path}/a/relative`);
  await Deno.symlink(`${t.path}/a/relative/c`, `${t.path}/absolute`);
  assert.equal(openPlace(`${t.path}/absolute`, t.user), undefined);
  await Deno.chmod(`${t.path}/a/b`, 0o777);
  assert.equal(openPlace(`${t.path}/absolute`, t.user)?.path, `${t.path}/a/b`);
  // `..` after a link leads above the target of the link.
  await Deno.mkdir(`${t.path}/other`, { mode: 0o755 });
  await Deno.symlink(`${t.path}/a/b`, `${t.path}/other/link`);
  assert.equal(openPlace(`${t.path}/other/link/..`, t.user)?.path, `${t.path}/a/b`);
});

test("what is missing, or a link in circles, can't be checked", async () => {
  await using t = await nested();
  await Deno.symlink("circle", `${t.path}/circle`);
  for (const name of ["missing", "circle", "missing/../a"]) {
    assert.equal(openPlace(`${t.path}/${name}`, t.user)?.why, "can't be checked");
  }
});

test("a relative path begins at the working directory", () => {
  assert.deepEqual(openPlace(".", 0), openPlace(Deno.cwd(), 0));
  assert.deepEqual(openPlace("..", 0), openPlace(`${Deno.cwd()}/..`, 0));
  return Promise.resolve();
});
