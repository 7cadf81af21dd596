/** Threads that the first one starts for one with few permissions. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { Grant } from "../../../src/cli/fence/grants.ts";
import { startGrantedThread } from "../../../src/cli/fence/threads.ts";
import type { HashAnswer, HashRequest } from "../../../src/storage/hash/server.ts";
import type { ThreadPermissions } from "../../../src/threads/start.ts";
import { throwsWith } from "../../support/errors.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

function grantsIn(dir: string): readonly Grant[] {
  return [
    { permission: "write", to: [join(dir, "out")], why: "the output directory" },
    { permission: "read", to: [join(dir, "in")], why: "the input" },
    { permission: "net", to: ["127.0.0.1:8080", "unix:/s.sock"], why: "the address to listen on" },
  ];
}

/** What a hash thread, started for these grants, says about a file of one byte. */
async function hashed(
  path: string,
  permissions: ThreadPermissions,
  grants: readonly Grant[],
): Promise<HashAnswer> {
  const { port1, port2 } = new MessageChannel();
  const thread = startGrantedThread("hash", permissions, port2, grants);
  try {
    return await new Promise((resolve) => {
      port1.onmessage = ({ data }: MessageEvent<HashAnswer>) => {
        if (data.type !== "ready") return resolve(data);
        for (
          const request of [
            { type: "file", id: 1, path, partSize: Infinity },
            { type: "written", id: 1, range: { start: 0, end: 1 } },
            { type: "end", id: 1, size: 1 },
          ] satisfies HashRequest[]
        ) port1.postMessage(request);
      };
    });
  } finally {
    thread.terminate();
    port1.close();
  }
}

Deno.test("a thread reads what the grants allow, or the part of it that it was started for", async () => {
  await using dir = await tempDir();
  const path = await Deno.realPath(dir.path);
  await writeTree(path, { "in/a": "1", "in/b/c": "2", "out/d": "3", "secret": "4" });
  const grants = grantsIn(path);
  const outcome = async (file: string, permissions: ThreadPermissions) => {
    const answer = await hashed(join(path, file), permissions, grants);
    return answer.type === "failed" ? answer.error.code : answer.type;
  };
  const all: ThreadPermissions = { read: "inherit", write: false };
  assert.equal(await outcome("in/a", all), "file");
  assert.equal(await outcome("out/d", all), "file");
  assert.equal(await outcome("secret", all), "denied");
  const part: ThreadPermissions = { read: [join(path, "in/b")], write: false };
  assert.equal(await outcome("in/b/c", part), "file");
  assert.equal(await outcome("in/a", part), "denied");
});

Deno.test("a thread that serves is started for the addresses of the grants", async () => {
  await using dir = await tempDir();
  const path = await Deno.realPath(dir.path);
  const { port1, port2 } = new MessageChannel();
  const net = ["127.0.0.1:8080", "unix:/s.sock"];
  const permissions = { read: [join(path, "in")], write: false, net } as const;
  startGrantedThread("service", permissions, port2, grantsIn(path)).terminate();
  port1.close();
});

Deno.test("a thread is not started that would get more than the grants", async () => {
  await using dir = await tempDir();
  const path = await Deno.realPath(dir.path);
  await writeTree(path, { "in/a": "1", "out/d": "3" });
  const at = (name: string) => join(path, name);
  const { port1, port2 } = new MessageChannel();
  for (
    const [permissions, message] of [
      [{ read: ["/etc"], write: false }, `it may not read '/etc'`],
      [{ read: [at("in"), path], write: false }, `it may not read '${path}'`],
      [{ read: [at("in/../secret")], write: false }, "it may not read"],
      [{ read: [], write: [at("in")] }, `it may not write to '${at("in")}'`],
      [{ read: [], write: [at("out/../in")] }, "it may not write to"],
      [{ read: [], write: false, net: ["127.0.0.1"] }, "it may not connect to '127.0.0.1'"],
      [{ read: [], write: false, net: ["127.0.0.1:8080", "[::1]:8080"] }, "to '[::1]:8080'"],
      [{ read: [], write: false, net: ["unix:/t.sock"] }, "it may not connect to 'unix:/t.sock'"],
    ] as const
  ) {
    throwsWith(
      () => startGrantedThread("unpack", permissions, port2, grantsIn(path)),
      "denied",
      message,
    );
  }
  port1.close();
  port2.close();
});
