/** What may not be read from a disk: a table of links, aliases and races. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { DiskFiles, type DiskHooks } from "../../../src/service/objects/disk_files.ts";
import type { StoredFile } from "../../../src/service/objects/stored_file.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const IS_WINDOWS = Deno.build.os === "windows";

interface Case {
  /** The directory that holds the staging directory and a secret beside it. */
  readonly outside: string;
  readonly staging: string;
  /** The run's directory. */
  readonly run: string;
  files(hooks?: DiskHooks): DiskFiles;
}

function test(name: string, fn: (c: Case) => Promise<void>, ignore = false): void {
  Deno.test({
    name: `DiskFiles: ${name}`,
    ignore,
    fn: async () => {
      await using dir = await tempDir();
      const staging = join(dir.path, "staging");
      await writeTree(dir.path, {
        "secret.txt": "secret",
        "outside/a.log": "secret",
        "outside/12345-linux/logs/a.log": "secret",
        "staging/12345-linux/logs/a.log": "content",
        "staging/12345-linux-old/logs/a.log": "older",
      });
      await fn({
        outside: dir.path,
        staging,
        run: join(staging, "12345-linux"),
        files: (hooks) => new DiskFiles(new LocalBackend(staging), staging, hooks),
      });
    },
  });
}

const at = (path: string) => new OutputLocation("suite", path);

/** The content of a file, and its chunks are closed. */
async function read(file: StoredFile | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of file.chunks({ start: 0, end: file.info.size })) {
      text += decoder.decode(chunk, { stream: true });
    }
    return text;
  } finally {
    file.close();
  }
}

async function content(files: DiskFiles, path: string): Promise<string | undefined> {
  return await read(await files.open(at(path)));
}

test("a file and a directory", async ({ files }) => {
  assert.equal(await content(files(), "12345-linux/logs/a.log"), "content");
  assert.equal(await content(files(), "12345-linux/logs"), undefined);
  assert.equal(await content(files(), "12345-linux/logs/a.log/b"), undefined);
  assert.equal(await content(files(), "12345-linux/logs/missing"), undefined);
  assert.equal(await content(files(), `12345-linux/${"x".repeat(255)}`), undefined);
  const list = await files().list(at("12345-linux/logs"));
  assert.deepEqual(list?.map(({ location }) => location.name), ["a.log"]);
  assert.equal(await files().list(at("12345-linux/missing")), undefined);
  assert.equal(await files().list(at("12345-linux/logs/a.log")), undefined);
  assert.equal(await files().isDirectory(at("12345-linux")), true);
  assert.equal(await files().isDirectory(at("12345-linux/logs/a.log")), false);
});

test(
  "the staging directory itself may be a link, and one to another directory later",
  async ({ outside, staging }) => {
    const link = join(outside, "link");
    await Deno.symlink(staging, link);
    const files = new DiskFiles(new LocalBackend(link), link);
    assert.equal(await content(files, "12345-linux/logs/a.log"), "content");
    assert.equal((await files.list(at("12345-linux")))?.length, 1);
    await writeTree(outside, { "other/12345-linux/logs/a.log": "other" });
    await Deno.remove(link);
    await Deno.symlink(join(outside, "other"), link);
    assert.equal(await content(files, "12345-linux/logs/a.log"), "other");
  },
  IS_WINDOWS,
);

/** What is done to a file that was found, and what is read under its name afterwards. */
const CHANGES: readonly (readonly [
  string,
  (c: Case, file: string) => Promise<void>,
  string | undefined,
])[] = [
  ["deleted", (_, file) => Deno.remove(file), undefined],
  [
    "replaced by a link to a file outside",
    async ({ outside }, file) => {
      await Deno.remove(file);
      await Deno.symlink(join(outside, "secret.txt"), file);
    },
    undefined,
  ],
  [
    "below a directory that is now a link to one outside",
    async ({ outside, run }) => {
      await Deno.rename(join(run, "logs"), join(run, "old"));
      await Deno.symlink(join(outside, "outside"), join(run, "logs"));
    },
    undefined,
  ],
  [
    "replaced by a file of equal size and time",
    async (_, file) => {
      const { mtime } = await Deno.stat(file);
      await Deno.writeTextFile(`${file}.new`, "CONTENT");
      await Deno.utime(`${file}.new`, mtime!, mtime!);
      await Deno.rename(`${file}.new`, file);
    },
    "CONTENT",
  ],
  ["rewritten", (_, file) => Deno.writeTextFile(file, "longer content"), "longer content"],
  ["left alone", () => Promise.resolve(), "content"],
];

for (const [what, change, expected] of CHANGES) {
  test(
    `a file that was found a moment ago and is ${what}`,
    async (c) => {
      let checks = 0;
      let now = Date.now() + 60_000;
      const files = c.files({ now: () => now, checked: () => checks++ });
      assert.equal(await content(files, "12345-linux/logs/a.log"), "content");
      assert.equal(await content(files, "12345-linux/logs/a.log"), "content");
      assert.equal(checks, IS_WINDOWS ? 2 : 1, "the name is checked once");
      await change(c, join(c.run, "logs/a.log"));
      assert.equal(await content(files, "12345-linux/logs/a.log"), expected);
      now += 60_000;
      assert.equal(await content(files, "12345-linux/logs/a.log"), expected, "later");
    },
    IS_WINDOWS && what.includes("link"),
  );
}

test("a file that has just changed is not known: a second change might not show", async (c) => {
  let checks = 0;
  const { ctime } = await Deno.stat(join(c.run, "logs/a.log"));
  const now = () => (ctime?.getTime() ?? 0) + 1000;
  const files = c.files({ now, checked: () => checks++ });
  for (let i = 1; i <= 2; i++) {
    assert.equal(await content(files, "12345-linux/logs/a.log"), "content");
  }
  assert.equal(checks, 2);
});

/** Closing a socket deletes its file, but not under another name. */
function makeSocket(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.listening` });
  Deno.renameSync(`${path}.listening`, path);
  listener.close();
  assert(Deno.lstatSync(path).isSocket);
}

/** Links: what is made, and the paths that must not be read or listed. */
const LINKS: readonly (readonly [string, (c: Case) => Promise<void>, string, string?])[] = [
  [
    "a link to a file outside",
    ({ run, outside }) => Deno.symlink(join(outside, "secret.txt"), join(run, "logs/x.log")),
    "12345-linux/logs/x.log",
  ],
  [
    "a link to a file of the same run",
    ({ run }) => Deno.symlink("a.log", join(run, "logs/x.log")),
    "12345-linux/logs/x.log",
  ],
  [
    "a link to a directory",
    ({ run, outside }) => Deno.symlink(join(outside, "outside"), join(run, "x")),
    "12345-linux/x/a.log",
    "12345-linux/x",
  ],
  [
    "a link instead of a run",
    ({ staging, outside }) =>
      Deno.symlink(join(outside, "outside/12345-linux"), join(staging, "6-linux")),
    "6-linux/logs/a.log",
    "6-linux/logs",
  ],
  [
    "a link instead of a repository's directory",
    ({ staging, outside }) => Deno.symlink(join(outside, "outside"), join(staging, "a-b")),
    "a-b/12345-linux/logs/a.log",
    "a-b/12345-linux",
  ],
  ["a chain of links", async ({ run, outside }) => {
    await Deno.symlink(join(outside, "secret.txt"), join(run, "one"));
    await Deno.symlink("one", join(run, "two"));
  }, "12345-linux/two"],
  ["a link to itself", ({ run }) => Deno.symlink("x", join(run, "x")), "12345-linux/x"],
  ["a named pipe", async ({ run }) => {
    await new Deno.Command("mkfifo", { args: [join(run, "pipe")] }).output();
    assert((await Deno.lstat(join(run, "pipe"))).isFifo);
  }, "12345-linux/pipe"],
  ["a socket", ({ run }) => {
    makeSocket(join(run, "socket"));
    return Promise.resolve();
  }, "12345-linux/socket"],
];

for (const [name, make, path, directory] of LINKS) {
  test(`${name} is not read`, async (c) => {
    await make(c);
    assert.equal(await content(c.files(), path), undefined);
    assert.equal(await c.files().list(at(directory ?? path)), undefined);
    assert.equal(await c.files().isDirectory(at(directory ?? path)), false);
    const names = (await c.files().list(at("12345-linux")))?.map(({ location }) => location.name);
    assert.deepEqual(names, ["logs"], "nor is it listed");
  }, IS_WINDOWS);
}

/** Aliases: names that some disks take for `logs/a.log`; here they are other names, or none. */
const ALIASES = [
  "NUL",
  "CON.txt",
  "logs/a.log::$DATA",
  "logs/a.log.",
  "logs/a.log ",
  "LOGS~1/a.log",
  "logs/A.LOG",
  "Logs/a.log",
  "logs/a\u0300.log",
  "C:/logs/a.log",
  "logs\\a.log",
];

for (const alias of ALIASES) {
  test(`the alias ${JSON.stringify(alias)} is not read`, async ({ files }) => {
    assert.equal(await content(files(), `12345-linux/${alias}`), undefined);
  });
}

test("names in another normal form are other files", async ({ files, run }) => {
  await writeTree(run, { "logs/caf\u00e9.log": "composed" });
  assert.equal(await content(files(), "12345-linux/logs/caf\u00e9.log"), "composed");
  assert.equal(await content(files(), "12345-linux/logs/cafe\u0301.log"), undefined);
}, Deno.build.os !== "linux");

/** Races: what another program does between the check of the name, or the opening, and the rest. */
const RACES: readonly (readonly [string, (c: Case, path: string) => void])[] = [
  ["the file becomes a link", ({ outside }, path) => {
    Deno.removeSync(path);
    Deno.symlinkSync(join(outside, "secret.txt"), path);
  }],
  ["its directory becomes a link", ({ run, outside }) => {
    Deno.renameSync(join(run, "logs"), join(run, "moved"));
    Deno.symlinkSync(join(outside, "outside"), join(run, "logs"));
  }],
  ["its run becomes a link", ({ run, outside }) => {
    Deno.renameSync(run, `${run}-moved`);
    Deno.symlinkSync(join(outside, "outside/12345-linux"), run);
  }],
  ["the file becomes a named pipe", (_, path) => {
    Deno.removeSync(path);
    new Deno.Command("mkfifo", { args: [path] }).outputSync();
  }],
  ["the file becomes a socket", (_, path) => {
    Deno.removeSync(path);
    makeSocket(path);
  }],
  ["the file becomes a directory", (_, path) => {
    Deno.removeSync(path);
    Deno.mkdirSync(path);
  }],
  ["the file is deleted", (_, path) => Deno.removeSync(path)],
];

for (const [name, change] of RACES) {
  for (const moment of ["checked", "opened"] as const) {
    test(`nothing else is read if ${name} once it is ${moment}`, async (c) => {
      let count = 0;
      const files = c.files({ [moment]: (path: string) => void (count++ || change(c, path)) });
      assert.notEqual(await content(files, "12345-linux/logs/a.log"), "secret");
      assert(count > 0, "the hook was called");
    }, IS_WINDOWS);
  }
}

test("nothing is read if a directory is a link only while the file is opened", async (c) => {
  const [logs, moved] = [join(c.run, "logs"), join(c.run, "moved")];
  const files = c.files({
    checked() {
      Deno.renameSync(logs, moved);
      Deno.symlinkSync(join(c.outside, "outside"), logs);
    },
    opened() {
      Deno.removeSync(logs);
      Deno.renameSync(moved, logs);
    },
  });
  assert.equal(await content(files, "12345-linux/logs/a.log"), undefined);
}, IS_WINDOWS);

test("nothing is listed if a directory becomes a link while it is listed", async (c) => {
  const files = c.files({
    checked(path) {
      Deno.renameSync(path, `${path}-moved`);
      Deno.symlinkSync(join(c.outside, "outside"), path);
    },
  });
  const list = await files.list(at("12345-linux/logs")).catch(() => undefined);
  assert.equal(list, undefined);
}, IS_WINDOWS);

test("nothing is read if a directory is a link again and again between two checks", async (c) => {
  const [logs, kept] = [join(c.run, "logs"), join(c.run, "kept")];
  const lead = () => {
    Deno.renameSync(logs, kept);
    Deno.symlinkSync(join(c.outside, "outside"), logs);
  };
  const restore = () => {
    Deno.removeSync(logs);
    Deno.renameSync(kept, logs);
  };
  const steps = [restore, lead];
  const files = c.files({ checked: lead, compared: () => steps.shift()?.() });
  assert.equal(await content(files, "12345-linux/logs/a.log"), undefined);
}, IS_WINDOWS);

test("a file that is replaced while it is opened is read in one of its versions", async (c) => {
  for (const moment of ["checked", "opened"] as const) {
    let count = 0;
    const files = c.files({
      [moment](path: string) {
        if (count++ > 0) return;
        Deno.writeTextFileSync(`${path}.new`, "replaced");
        Deno.renameSync(`${path}.new`, path);
      },
    });
    assert.equal(await content(files, "12345-linux/logs/a.log"), "replaced");
  }
});

test("a file that is always another one is given up", async (c) => {
  let count = 0;
  const files = c.files({
    opened(path) {
      Deno.writeTextFileSync(`${path}.new`, `version ${++count}`);
      Deno.renameSync(`${path}.new`, path);
    },
  });
  assert.equal(await content(files, "12345-linux/logs/a.log"), undefined);
  assert.equal(count, 3);
});

test("a file that was replaced is read to its end in its old version", async ({ files, run }) => {
  const file = await files().open(at("12345-linux/logs/a.log"));
  await Deno.writeTextFile(join(run, "logs/new"), "replaced");
  await Deno.rename(join(run, "logs/new"), join(run, "logs/a.log"));
  assert.equal(await read(file), "content");
});

test("a file that is changed while it is read is an error", async ({ files, run }) => {
  const path = join(run, "logs/a.log");
  const changes = [
    () => Deno.writeTextFileSync(path, "cont"),
    () => Deno.writeTextFileSync(path, "content and more"),
    () => Deno.utimeSync(path, new Date(1000), new Date(1000)),
  ];
  for (const change of changes) {
    await Deno.writeTextFile(path, "content");
    await Deno.utime(path, new Date(0), new Date(0));
    const file = await files().open(at("12345-linux/logs/a.log"));
    change();
    await rejectsWith(read(file), "conflict", "a.log", "changed while it was read");
  }
});

test("names of temporary files and unfinished downloads are not read", async ({ files, run }) => {
  await writeTree(run, {
    "b.tar.part": "half",
    "b.tar.part.journal": '{"schema":"run-outputs.download/1",}\n',
    "c.part": "a file with such a name",
  });
  assert.equal(await content(files(), "12345-linux/b.tar.part"), undefined);
  assert.equal(await content(files(), "12345-linux/b.tar.part.journal"), undefined);
  assert.equal(await content(files(), "12345-linux/c.part"), "a file with such a name");
});

test("a message names the file without the path of the directory", async (c) => {
  const path = join(c.run, "logs/a.log");
  const failures = [
    [new Deno.errors.PermissionDenied(`Permission denied: '${path}'`), "denied", "denied"],
    [Object.assign(new Error(`EIO: i/o error, open '${path}'`), { code: "EIO" }), "failed", "EIO"],
  ] as const;
  for (const [failure, code, text] of failures) {
    const files = c.files({
      checked() {
        throw failure;
      },
    });
    const promise = content(files, "12345-linux/logs/a.log");
    await rejectsWith(promise, code, "Cannot read '12345-linux/logs/a.log': ", text);
    await promise.catch(({ message }) => assert(!message.includes(c.outside), message));
  }
});
