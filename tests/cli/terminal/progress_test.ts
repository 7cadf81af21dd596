/** Progress as it is shown: lines elsewhere, bars on a terminal. */

import assert from "node:assert/strict";
import { main } from "../../../src/cli/main.ts";
import {
  type Clock,
  type ProgressListener,
  withProgress,
} from "../../../src/cli/terminal/progress.ts";
import { guarded } from "../../../src/cli/terminal/redact.ts";
import { FakeIo } from "../../support/fake_io.ts";
import { putArchives, RUN } from "../../support/staging.ts";
import { tempDir } from "../../support/temp_dir.ts";

/** A clock that stands until it is told to go on. */
class FakeClock implements Clock {
  time = 0;
  readonly #ticks = new Set<{ readonly every: number; next: number; readonly tick: () => void }>();

  now(): number {
    return this.time;
  }

  every(milliseconds: number, tick: () => void): () => void {
    const entry = { every: milliseconds, next: this.time + milliseconds, tick };
    this.#ticks.add(entry);
    return () => this.#ticks.delete(entry);
  }

  goOn(milliseconds: number): void {
    this.time += milliseconds;
    for (const entry of this.#ticks) {
      for (; entry.next <= this.time; entry.next += entry.every) entry.tick();
    }
  }

  get running(): number {
    return this.#ticks.size;
  }
}

class Terminal extends FakeIo {
  override readonly stderrIsTerminal = true;
  readonly stderrWidth = () => 100;
}

const FILES = [{ path: "d/a.log", size: 1_000_000 }, { path: "d/b.log", size: 3_000_000 }];
const half = ({ onEvent }: ProgressListener) => {
  onEvent({ type: "start", path: "d/b.log", size: 3_000_000 });
  for (let i = 0; i < 1000; i++) onEvent({ type: "bytes", path: "d/b.log", bytes: 2000 });
};

Deno.test("withProgress(): a line every five seconds, if something has changed", async () => {
  const [io, clock] = [new FakeIo(), new FakeClock()];
  const options = { verb: "uploaded", files: FILES, io, quiet: false, clock };
  await withProgress(options, (listener) => {
    half(listener);
    clock.goOn(4999);
    assert.equal(io.err, "");
    clock.goOn(1);
    for (let i = 0; i < 3; i++) clock.goOn(5000);
    listener.onEvent({ type: "bytes", path: "d/b.log", bytes: 1_000_000 });
    clock.goOn(5000);
    return Promise.resolve();
  });
  assert.equal(
    io.err,
    "uploaded 0 of 2 files, 2.0 MB of 4.0 MB, 400.0 kB/s, 5 s left\n" +
      "uploaded 0 of 2 files, 3.0 MB of 4.0 MB, 100.0 kB/s, 10 s left\n",
  );
  assert.equal(clock.running, 0);
});

Deno.test("withProgress(): nothing is left running after a failure, and --quiet shows nothing", async () => {
  const [io, clock] = [new FakeIo(), new FakeClock()];
  const options = { verb: "uploaded", files: FILES, io, clock };
  const fail = () => Promise.reject(new Error("no"));
  await assert.rejects(withProgress({ ...options, quiet: false }, fail), /no/);
  assert.equal(clock.running, 0);
  const done = await withProgress({ ...options, quiet: true }, (listener) => {
    half(listener);
    clock.goOn(60_000);
    return Promise.resolve("done");
  });
  assert.deepEqual([done, io.err], ["done", ""]);
});

Deno.test("withProgress(): bars for the set and the files, and other text above them", async () => {
  const [terminal, clock] = [new Terminal(), new FakeClock()];
  const io = guarded(terminal);
  const drawn = async (text: string, from = 0) => {
    for (let tries = 0; !terminal.err.slice(from).includes(text); tries++) {
      assert(tries < 1000, `${text} is not in ${JSON.stringify(terminal.err)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await withProgress({ verb: "x", files: FILES, io, quiet: false, clock }, async (listener) => {
    half(listener);
    clock.goOn(1000);
    await drawn("2.0 MB of 4.0 MB  2.0 MB/s");
    await drawn(" 66% b.log  2.0 MB of 3.0 MB");
    io.stderr("warning: something\n");
    await drawn("warning: something\n");
    await drawn("b.log", terminal.err.indexOf("warning: something\n"));
    io.stderr("note: at the very end\n");
  });
  const { err } = terminal;
  assert(err.indexOf("\u001b[?25l") >= 0, "the cursor was hidden");
  assert(err.lastIndexOf("\u001b[?25h") > err.lastIndexOf("\u001b[?25l"), "it is there again");
  assert(err.includes("note: at the very end\n"));
  io.stderr("after\n");
  assert(terminal.err.endsWith("after\n"), "and the terminal is everybody's");
});

for (const more of [["--no-extract"], ["--no-extract", "--cache-dir", "CACHE"]]) {
  Deno.test(`fetch ${more.join(" ")}: a terminal gets its bars and its cursor back`, async () => {
    await using temp = await tempDir();
    await putArchives(`${temp.path}/s/123-linux`, ["a_lib_generic.tar.zst"]);
    const io = new Terminal();
    const args = more.map((arg) => arg.replace("CACHE", `${temp.path}/cache`));
    const to = ["--staging-dir", `${temp.path}/s`, "--output-dir", `${temp.path}/o`, ...RUN];
    assert.equal(await main(["fetch", ...to, ...args], io), 0, io.err);
    assert(io.err.includes("1 of 1 files  1.0 kB of 1.0 kB"), io.err);
    assert(io.err.lastIndexOf("\u001b[?25h") > io.err.lastIndexOf("\u001b[?25l"), io.err);
    assert.match(io.out, /^1 file, 1\.0 kB: 1 written/m);
  });
}
