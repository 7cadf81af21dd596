/** The checks of GitHub, of directories, of disks and of the process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Check, type Finding, runChecks } from "../../../src/operations/doctor/check.ts";
import {
  directoryCheck,
  diskCheck,
  stagingCheck,
} from "../../../src/operations/doctor/directory_checks.ts";
import { githubCheck } from "../../../src/operations/doctor/github_check.ts";
import { permissionsCheck, programCheck } from "../../../src/operations/doctor/process_checks.ts";
import { refusal, startGithub } from "../../support/github_server.ts";
import { tempDir } from "../../support/temp_dir.ts";

async function finding(check: Check): Promise<Finding> {
  return (await runChecks([check]))[0];
}

const TOKEN = "a-token-of-a-test";

Deno.test("doctor, github: the token's source, what is left, and when there is more", async () => {
  await using server = startGithub({ tokens: [TOKEN], reset: 3600 });
  const check = (variables: Record<string, string>, now = 0) => {
    const all: Record<string, string> = { GITHUB_API_URL: server.url, ...variables };
    return finding(githubCheck({ env: (name) => all[name], now: () => now }));
  };
  const { host } = new URL(server.url);
  const good = await check({ GITHUB_TOKEN: TOKEN });
  assert.deepEqual(
    [good.status, good.message],
    ["ok", `${host}, token of $GITHUB_TOKEN: 5000 of 5000 requests are left`],
  );
  assert.equal(good.details!.reset, "1970-01-01T01:00:00.000Z");
  assert.doesNotMatch(JSON.stringify(good), new RegExp(TOKEN));
  const bad = await check({ GH_TOKEN: "another-token" });
  assert.deepEqual([bad.status, bad.code], ["error", "unauthenticated"]);
  assert.match(bad.message, /the token was rejected/);
  server.state.remaining = 3;
  const few = await check({ GH_TOKEN: TOKEN }, 1_800_000);
  assert.deepEqual([few.status, few.advice], ["warning", "wait 30 minutes"]);
  const nobody = await check({}, 3_590_000);
  assert.deepEqual([nobody.status, nobody.advice], [
    "warning",
    "wait 10 s, or set GH_TOKEN for more",
  ]);
  assert.equal(server.counted, 0, "the check costs nothing");
});

Deno.test("doctor, github: no limit, no server, no valid settings", async () => {
  await using server = startGithub();
  const check = (url: string, token = TOKEN) => {
    const all: Record<string, string> = { GITHUB_API_URL: url, GH_TOKEN: token };
    return finding(githubCheck({ env: (name) => all[name], now: () => 0 }));
  };
  server.troubles.push(() => refusal(404, "Rate limiting is not enabled."));
  assert.match((await check(server.url)).message, /no limit of requests$/);
  server.troubles.push(() => refusal(500, "oops"));
  assert.deepEqual((await check(server.url)).code, "transient");
  assert.equal(server.requests.length, 2, "nothing is tried twice");
  assert.deepEqual((await check("nonsense")).code, "invalid");
  assert.deepEqual((await check(server.url, "two words")).code, "invalid");
});

Deno.test("doctor, directories: size, and where they will be", async () => {
  await using temp = await tempDir();
  const path = join(temp.path, "cache");
  const check = () => finding(directoryCheck({ name: "cache", path, without: "set HOME" }));
  const future = await check();
  assert.deepEqual(
    [future.status, future.message],
    ["ok", `${path}, created when it is needed`],
  );
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  await Deno.mkdir(join(path, "a/b"), { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(join(path, "a/b/c"), "12345");
  await Deno.writeTextFile(join(path, "d"), "12345");
  assert.equal((await check()).message, `${path}: 2 files, 10 B`);
  assert.deepEqual(
    await Array.fromAsync(Deno.readDir(path), ({ name }) => name).then((all) => all.toSorted()),
    ["a", "d"],
  );
});

Deno.test("doctor, directories: one that can't be used is a warning, with what is lost", async () => {
  await using temp = await tempDir();
  const file = join(temp.path, "file");
  await Deno.writeTextFile(file, "");
  const check = (path: string | undefined) =>
    finding(directoryCheck({ name: "cache", path, without: "set HOME" }));
  const below = await check(join(file, "cache"));
  assert.deepEqual([below.status, below.advice, below.details!.writable], [
    "warning",
    "set HOME",
    false,
  ]);
  assert.match(below.message, /^Cannot write to '.*file.*': .*not a directory$/);
  assert.deepEqual((await check(undefined)).message, "no directory: HOME is not set");
});

Deno.test({
  name: "doctor, directories: one that others may write to",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using temp = await tempDir();
    await Deno.chmod(temp.path, 0o777);
    const { status, message, advice } = await finding(
      directoryCheck({ name: "cache", path: join(temp.path, "cache"), without: "" }),
    );
    assert.deepEqual([status, message], ["warning", `'${temp.path}' all users may write to it`]);
    assert.match(advice!, /is not used: choose another directory/);
  },
});

Deno.test("doctor, staging directory: is only read, unless a write is wanted", async () => {
  await using temp = await tempDir();
  const read = await finding(stagingCheck(temp.path, false));
  assert.deepEqual([read.status, read.message], ["ok", `${temp.path} can be listed`]);
  const both = await finding(stagingCheck(temp.path, true));
  assert.equal(both.message, `${temp.path} can be listed and written`);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(temp.path)), []);
  const none = await finding(stagingCheck(join(temp.path, "none"), false));
  assert.equal(none.code, "not_found");
});

Deno.test("doctor, disk: the order is that of the directories, whatever is free in them", async () => {
  await using temp = await tempDir();
  for (const here of [1e12, 3e12]) {
    const { message } = await finding(
      diskCheck(
        [temp.path, "/"],
        (path) => Promise.resolve({ bavail: path === "/" ? 2e9 : here / 1000, bsize: 1000 }),
      ),
    );
    assert(message.endsWith(", 2.0 TB free in /"), message);
  }
});

Deno.test("doctor, disk: the least free space decides", async () => {
  await using temp = await tempDir();
  const check = (free: number) =>
    finding(
      diskCheck([temp.path, "/"], (path) =>
        Promise.resolve({ bavail: path === "/" ? 1e9 : free / 1000, bsize: 1000 })),
    );
  assert.equal((await check(500e9)).message, `500.0 GB free in ${temp.path}, 1.0 TB free in /`);
  assert.deepEqual((await check(5e9)).status, "warning");
  const full = await check(5e6);
  assert.deepEqual([full.status, full.advice], ["error", `delete files below ${temp.path}`]);
  const denied = await finding(
    diskCheck(
      [temp.path],
      () =>
        Promise.reject(new Deno.errors.NotCapable('Requires sys access to "statfs", run again')),
    ),
  );
  assert.match(denied.message, /the permission to read system information "statfs" is missing/);
  assert.equal(denied.status, "warning");
  // What this system says, with the permissions of the program.
  const here = await finding(diskCheck([join(temp.path, "not/yet")]));
  assert(Number(here.details![temp.path]) > 0, here.message);
});

Deno.test("doctor, process: which program, and what it may do", async () => {
  assert.match(
    (await finding(programCheck("1.2.3"))).message,
    /^run-outputs 1\.2\.3 \(sources\), Deno 2/,
  );
  const granted = (...names: string[]) =>
    finding(
      permissionsCheck(({ name }) =>
        Promise.resolve({ state: names.includes(name) ? "granted" : "prompt" })
      ),
    );
  assert.equal(
    (await granted("read", "write", "net", "env", "run")).message,
    "read, write, net, env, run",
  );
  const some = await granted("read", "env");
  assert.deepEqual([some.status, some.message], ["warning", "write, net: limited or missing"]);
  assert.match(some.advice!, /add --allow-write --allow-net to/);
});
