/** Threads that another one has started for this one. */

import assert from "node:assert/strict";
import { WorkerPool } from "../../src/archive/unpack/worker_pool.ts";
import { PortThread } from "../../src/threads/port_thread.ts";
import { startThreadsBy } from "../../src/threads/start.ts";
import { rejectsWith } from "../support/errors.ts";

Deno.test("an unpacking thread that failed before its first task fails that task", async () => {
  const ports: MessagePort[] = [];
  const threads: PortThread[] = [];
  startThreadsBy(() => {
    const { port1, port2 } = new MessageChannel();
    ports.push(port2);
    threads.push(new PortThread(port1, () => {}));
    return threads.at(-1)!;
  });
  try {
    using pool = new WorkerPool(1, "/out", true);
    pool.prepare(1, "/in");
    threads[0].fail("it may not read '/in'");
    const task = { type: "unpack", path: "/in/a.tar.gz", format: "gzip" } as unknown;
    await rejectsWith(
      pool.run(task as Parameters<typeof pool.run>[0], { size: 1, makeLinks: async () => {} }),
      "failed",
      "it may not read '/in'",
    );
  } finally {
    startThreadsBy(undefined);
    for (const port of ports) port.close();
  }
});

Deno.test("a thread that fails tells whoever listens, then and later", async () => {
  const { port1, port2 } = new MessageChannel();
  const thread = new PortThread(port1, () => port2.close());
  const told: string[] = [];
  thread.onerror = ({ message }) => told.push(`first: ${message}`);
  thread.fail("gone");
  thread.onerror = ({ message }) => told.push(`second: ${message}`);
  await Promise.resolve();
  assert.deepEqual(told, ["first: gone", "second: gone"]);
  thread.terminate();
});
