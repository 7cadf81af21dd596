/** Wrappers around a storage: what they forward, and that a new method can't slip through. */

import assert from "node:assert/strict";
import { OutputLocation } from "../../src/layout/output_location.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";
import { bytesSource } from "../../src/storage/byte_source.ts";
import { DryRunBackend } from "../../src/storage/dry_run.ts";
import { ForwardingBackend } from "../../src/storage/forwarding.ts";
import { MemoryBackend } from "../../src/storage/memory.ts";
import { WatchedWrites } from "../../src/storage/watched_writes.ts";

const at = (key: string) => new OutputLocation("bucket", key);

/** Members that change nothing, so a wrapper that prevents or watches changes may forward them. */
const HARMLESS = [
  ...["constructor", "name", "stat", "list", "children", "read"],
  ...["checkWrite", "checkSpace", "show"],
];

const members = (of: { readonly prototype: object }) => Object.getOwnPropertyNames(of.prototype);

/** A storage that notes each call that reaches it. */
function noted(): { readonly backend: StorageBackend; readonly calls: string[] } {
  const calls: string[] = [];
  const memory = new MemoryBackend();
  const backend = new Proxy<StorageBackend>(memory, {
    get(_, name) {
      if (name === "show") return () => String(calls.push("show"));
      if (name === "checkWrite" || name === "checkSpace") {
        return () => Promise.resolve(void calls.push(name));
      }
      const member = Reflect.get(memory, name, memory);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        calls.push(String(name));
        return Reflect.apply(member, memory, args);
      };
    },
  });
  return { backend, calls };
}

Deno.test("forwarding: every member of the interface reaches the wrapped storage", async () => {
  const { backend, calls } = noted();
  const wrapper: Required<StorageBackend> = new ForwardingBackend(backend);
  assert.equal(wrapper.name, backend.name);
  assert.equal(wrapper.writes, backend.writes);
  assert.equal(wrapper.enforcesAbsence, backend.enforcesAbsence);
  await wrapper.write(at("1-linux/a"), bytesSource("a"));
  await wrapper.copy(at("1-linux/a"), at("1-linux/b"));
  await (await wrapper.read(at("1-linux/a")))[Symbol.asyncDispose]();
  await wrapper.stat(at("1-linux/a"));
  await Array.fromAsync(wrapper.list(at("1-linux")));
  await Array.fromAsync(wrapper.children(at("1-linux")));
  await wrapper.checkWrite(at("1-linux/a"));
  await wrapper.checkSpace([{ location: at("1-linux/a"), size: 1 }]);
  wrapper.show(at("1-linux/a"));
  await wrapper.delete(at("1-linux/a"));
  await wrapper.deleteAll([at("1-linux/a")]);
  const properties = ["constructor", "name", "writes", "enforcesAbsence"];
  const methods = members(ForwardingBackend).filter((name) => !properties.includes(name));
  assert.deepEqual([...calls].sort(), methods.sort());
});

Deno.test("forwarding: a storage that leaves out the optional members can be wrapped", async () => {
  const bare = new Proxy<StorageBackend>(new MemoryBackend(), {
    get: (target, name) =>
      name === "checkWrite" || name === "enforcesAbsence"
        ? undefined
        : Reflect.get(target, name, target),
  });
  const wrapper = new ForwardingBackend(bare);
  assert.equal(wrapper.enforcesAbsence, false);
  await wrapper.checkWrite(at("1-linux/a"));
  await wrapper.checkSpace([{ location: at("1-linux/a"), size: 1 }]);
  assert.equal(wrapper.show(at("1-linux/a")), "s3://bucket/1-linux/a");
});

Deno.test("dry run: every member that can change something is its own", () => {
  const forwarded = members(ForwardingBackend).filter((name) =>
    !members(DryRunBackend).includes(name)
  );
  assert.deepEqual(forwarded.filter((name) => !HARMLESS.includes(name)), []);
});

Deno.test("watched writes: every member that can write is its own, and checkWrite is forwarded", async () => {
  const forwarded = members(ForwardingBackend).filter((name) =>
    !members(WatchedWrites).includes(name)
  );
  const harmless = [...HARMLESS, "writes", "enforcesAbsence", "delete", "deleteAll"];
  assert.deepEqual(forwarded.filter((name) => !harmless.includes(name)), []);

  const { backend, calls } = noted();
  const seen: string[] = [];
  const wrapper = new WatchedWrites(backend, (location) => {
    seen.push(`${location.key} before ${calls.length} calls`);
    return Promise.resolve();
  });
  await wrapper.checkWrite(at("1-linux/a"));
  await wrapper.write(at("1-linux/a"), bytesSource("a"));
  await wrapper.copy(at("1-linux/a"), at("1-linux/b"));
  assert.deepEqual(calls, ["checkWrite", "write", "copy"]);
  assert.deepEqual(seen, ["1-linux/a before 1 calls", "1-linux/b before 2 calls"]);
});
