/** Progress as numbers and as lines. */

import assert from "node:assert/strict";
import { barLines, plainLine } from "../../../src/cli/terminal/progress_lines.ts";
import { PathBag } from "../../../src/cli/terminal/path_bag.ts";
import { type PlannedFile, TransferState } from "../../../src/cli/terminal/transfer_state.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import type { TransferEvent, TransferOutcome } from "../../../src/storage/transfer/transfer.ts";

const start = (path: string, size?: number): TransferEvent => ({ type: "start", path, size });
const bytes = (path: string, bytes: number): TransferEvent => ({ type: "bytes", path, bytes });
const finish = (
  path: string,
  size?: number,
  outcome: TransferOutcome = "written",
): TransferEvent => ({
  type: "finish",
  result: { location: new OutputLocation("bucket", "k"), path, size, outcome, warnings: [] },
});

/** A state after events; one second has gone by. */
function after(
  planned: readonly PlannedFile[],
  events: readonly TransferEvent[],
  keyOf?: (path: string) => string,
) {
  const state = new TransferState(planned, 0, keyOf);
  for (const event of events) state.apply(event);
  return state.at(1000);
}

const AB = [{ path: "d/a", size: 1000 }, { path: "d/b", size: 3000 }];

Deno.test("TransferState: bytes, speed and what is left", () => {
  const snapshot = after(AB, [start("d/a", 1000), start("d/b", 3000), bytes("d/b", 1000)]);
  assert.deepEqual(snapshot, {
    files: 0,
    totalFiles: 2,
    bytes: 1000,
    totalBytes: 4000,
    sizesKnown: true,
    done: 0.25,
    speed: 1000,
    secondsLeft: 3,
    active: [
      { path: "d/a", size: 1000, madeFrom: undefined, bytes: 0, made: 0 },
      { path: "d/b", size: 3000, madeFrom: undefined, bytes: 1000, made: 0 },
    ],
    made: 0,
    totalMade: 0,
    unpacked: 0,
  });
});

Deno.test("TransferState: at the end everything is done, whatever the results", () => {
  const { files, bytes: done, totalBytes, active } = after(AB, [
    ...[start("d/a", 1000), finish("d/a", 1000, "unchanged")],
    ...[start("d/b", 3000), bytes("d/b", 500), finish("d/b", 3000, "failed")],
  ]);
  assert.deepEqual([files, done, totalBytes, active], [2, 4000, 4000, []]);
});

Deno.test("TransferState: files that have other sizes than planned", () => {
  const events = [finish("d/a", 400, "skipped"), start("d/b", 3000), bytes("d/b", 100)];
  const during = after(AB, events);
  assert.deepEqual([during.bytes, during.totalBytes], [500, 3400]);
  const { bytes: sent, totalBytes, done } = after(AB, [...events, finish("d/b", 3000)]);
  assert.deepEqual([sent, totalBytes, done], [3400, 3400, 1]);
});

Deno.test("PathBag: paths can be taken out as often as they were put in", () => {
  const bag = new PathBag();
  const paths = Array.from({ length: 5000 }, (_, i) => `d${i % 7}/f${i}`);
  for (const path of [...paths, ...paths.slice(0, 10)]) bag.add(path);
  assert.equal(bag.size, 5010);
  assert(!bag.take("other"));
  for (const path of paths) assert(bag.take(path), path);
  assert.deepEqual(paths.filter((path) => bag.take(path)), paths.slice(0, 10));
  assert.equal(bag.size, 0);
});

Deno.test("TransferState: a file that was there ends without a beginning", () => {
  const { files, totalFiles, bytes: done } = after(AB, [finish("d/a", 1000, "unchanged")]);
  assert.deepEqual([files, totalFiles, done], [1, 2, 1000]);
});

Deno.test("TransferState: a size that comes later, and a checksum that nobody planned", () => {
  const planned = [{ path: "dir" }, AB[0]];
  const before = after(planned, [start("dir"), bytes("dir", 70)]);
  assert.deepEqual([before.sizesKnown, before.secondsLeft], [false, undefined]);
  const later = after(planned, [
    ...[start("dir"), bytes("dir", 70), finish("dir", 70)],
    ...[start("sha256", 65), bytes("sha256", 65), finish("sha256", 65)],
  ]);
  assert.deepEqual(
    [later.files, later.totalFiles, later.bytes, later.totalBytes, later.sizesKnown],
    [2, 3, 135, 1135, true],
  );
});

Deno.test("TransferState: one file for two places is two files", () => {
  const planned = [AB[0], AB[0]];
  const one = [start("d/a", 1000), bytes("d/a", 1000), finish("d/a", 1000)];
  for (const events of [[...one, ...one], [one[0], one[0], one[1], one[1], one[2], one[2]]]) {
    const { files, totalFiles, bytes: done, totalBytes, active } = after(planned, events);
    assert.deepEqual([files, totalFiles, done, totalBytes, active], [2, 2, 2000, 2000, []]);
  }
});

Deno.test("TransferState: a retry subtracts bytes", () => {
  const { bytes: done, speed } = after(AB, [
    ...[start("d/a", 1000), bytes("d/a", 600), bytes("d/a", -600), bytes("d/a", 100)],
  ]);
  assert.deepEqual([done, speed], [100, 100]);
});

Deno.test("TransferState: another path of the same file, by its key", () => {
  const keyOf = (path: string) => path.replace(/^.*\//, "");
  const snapshot = after(AB, [start("work/a", 1000), finish("else/a", 1000)], keyOf);
  assert.deepEqual([snapshot.files, snapshot.totalFiles, snapshot.active], [1, 2, []]);
});

Deno.test("TransferState: the speed is that of late, not of the whole", () => {
  const state = new TransferState([{ path: "a", size: 1e9 }], 0);
  state.apply(start("a", 1e9));
  state.apply(bytes("a", 1e6));
  for (let second = 1; second <= 20; second++) assert(state.at(second * 1000).speed >= 0);
  assert.equal(state.at(21_000).speed, 0);
  state.apply(bytes("a", 8e6));
  assert.equal(state.at(22_000).speed, 1e6);
});

Deno.test("plainLine(): files, bytes, speed, what is left", () => {
  const snapshot = after(AB, [...[start("d/a", 1000), bytes("d/a", 1000)], finish("d/a", 1000)]);
  assert.equal(
    plainLine("uploaded", snapshot),
    "uploaded 1 of 2 files, 1.0 kB of 4.0 kB, 1.0 kB/s, 3 s left",
  );
  assert.equal(
    plainLine("fetched", {
      ...snapshot,
      sizesKnown: false,
      secondsLeft: undefined,
      unpacked: 5000,
    }),
    "fetched 1 of 2 files, 1.0 kB, 1.0 kB/s, unpacked 5.0 kB",
  );
  for (const [seconds, text] of [[59.2, "1:00"], [200, "3:20"], [3725, "1:02:05"]] as const) {
    assert(plainLine("x", { ...snapshot, secondsLeft: seconds }).endsWith(`, ${text} left`), text);
  }
});

Deno.test("plainLine(), barLines(): after the downloads they show the unpacking", () => {
  const events = AB.flatMap(({ path, size }) => [start(path, size), finish(path, size)]);
  const snapshot = { ...after(AB, events), speed: 0, secondsLeft: 0 };
  assert.equal(plainLine("fetched", snapshot), "fetched 2 of 2 files, 4.0 kB of 4.0 kB, 0 B/s");
  const unpacking = { ...snapshot, unpacked: 7000 };
  assert.equal(
    plainLine("fetched", unpacking),
    "fetched 2 of 2 files, 4.0 kB of 4.0 kB, unpacking: 7.0 kB so far",
  );
  assert.match(
    barLines(unpacking, 120)[0],
    / 2 of 2 files {2}4\.0 kB of 4\.0 kB {2}unpacking: 7\.0 kB/,
  );
});

Deno.test("barLines(): the total, then the files in progress; no line wider than the terminal", () => {
  const planned = Array.from({ length: 12 }, (_, i) => ({ path: `d/f${i}`, size: 100 }));
  const events = planned.map(({ path, size }) => start(path, size));
  const lines = barLines(after(planned, [...events, bytes("d/f0", 50)]), 100);
  assert.equal(lines.length, 10);
  assert.equal(
    lines[0],
    "█" + "░".repeat(23) + "   4%  0 of 12 files  50 B of 1.2 kB  50 B/s  23 s left",
  );
  assert.equal(lines[1], "██████░░░░░░  50% f0  50 B of 100 B");
  assert.equal(lines[9], "and 4 more");
  const large = { ...after(AB, []), totalBytes: 999.9e9, bytes: 123.4e9, speed: 123.4e6 };
  assert(barLines({ ...large, secondsLeft: 7000 }, 80)[0].endsWith(" left"), "it fits");
  for (const width of [1, 20, 80]) {
    for (const line of barLines(after(planned, events), width)) assert([...line].length <= width);
  }
});

Deno.test("barLines(): what has no size yet is packing; a name can't steer the terminal", () => {
  const lines = barLines(after([{ path: "a\u001b[2J" }], [start("a\u001b[2J")]), 80);
  assert.match(lines[1], /^ {18}a\\u001b\[2J {2}packing$/);
});

Deno.test("barLines(): what is packed first shows how far that is, then how far it is sent", () => {
  const made = (bytes: number): TransferEvent => ({ type: "made", path: "d/a", bytes, of: 4000 });
  const planned = [{ path: "d/a", madeFrom: 4000 }];
  const packing = [start("d/a"), made(500), made(500)];
  const snapshot = after(planned, packing);
  const [set, file] = barLines(snapshot, 100);
  assert.equal(
    set,
    "███" + "░".repeat(21) + "  12%  0 of 1 files  packed 1.0 kB of 4.0 kB  sent 0 B",
  );
  assert.equal(file, "███░░░░░░░░░  25% a  packed 1.0 kB of 4.0 kB");
  assert.equal(
    plainLine("uploaded", snapshot),
    "uploaded 0 of 1 files, packed 1.0 kB of 4.0 kB, sent 0 B",
  );
  const ready: TransferEvent = { type: "ready", path: "d/a", size: 1000 };
  const sending = [...packing, made(3000), ready, bytes("d/a", 500)];
  const [sent, sentFile] = barLines(after(planned, sending), 120);
  assert(sent.endsWith("packed 4.0 kB of 4.0 kB  sent 500 B of 1.0 kB  500 B/s  1 s left"), sent);
  assert.equal(sentFile, "██████░░░░░░  50% a  500 B of 1.0 kB");
});

Deno.test("TransferState: packing and sending weigh the same, and the whole is known at the start", () => {
  const planned = [
    { path: "dir", madeFrom: 8000 },
    { path: "empty", madeFrom: 0 },
    { path: "sha256", size: 65 },
    { path: "log", size: 935 },
    { path: "bad", madeFrom: 1000 },
  ];
  const made = (path: string, bytes: number): TransferEvent => ({ type: "made", path, bytes });
  const steps: readonly (readonly [TransferEvent, number])[] = [
    [start("dir"), 0],
    [made("dir", 4000), 2000],
    [made("dir", 4000), 4000],
    [{ type: "ready", path: "dir", size: 100 }, 4000],
    [bytes("dir", 50), 6000],
    [bytes("dir", -50), 4000],
    [bytes("dir", 100), 8000],
    [finish("dir", 100), 8000],
    [finish("empty", 20), 8000],
    [start("sha256", 65), 8000],
    [finish("sha256", 65), 8065],
    [start("bad"), 8065],
    [made("bad", 500), 8315],
    [finish("bad", undefined, "failed"), 9065],
    [finish("log", 935, "unchanged"), 10_000],
  ];
  const state = new TransferState(planned, 0);
  for (const [i, [event, work]] of steps.entries()) {
    state.apply(event);
    const { done, totalFiles, totalMade } = state.at(i);
    assert.deepEqual([done, totalFiles, totalMade], [work / 10_000, 5, 9000], `step ${i}`);
  }
  const { files, made: packed, sizesKnown } = state.at(100);
  assert.deepEqual([files, packed, sizesKnown], [5, 9000, true]);
});

Deno.test("TransferState: of packing and sending, the slower one decides how long it takes", () => {
  const planned = ["a", "b"].map((path) => ({ path, madeFrom: 1000 }));
  const made = (path: string, bytes: number): TransferEvent => ({ type: "made", path, bytes });
  const first = [start("a"), made("a", 1000)];
  assert.equal(after(planned, first).secondsLeft, undefined, "no archive has a size yet");
  const ready: TransferEvent = { type: "ready", path: "a", size: 100 };
  // 1000 more are packed in 1 s; 190 of about 200 are sent at 10 a second.
  assert.equal(after(planned, [...first, ready, bytes("a", 10)]).secondsLeft, 19);
  assert.equal(after(planned, [...first, ready, bytes("a", 10), finish("a", 100)]).secondsLeft, 10);
  // The line is fast: what is left of packing decides.
  const fast = [...first, ready, bytes("a", 100), finish("a", 100), start("b"), made("b", 500)];
  assert.equal(after(planned, fast).secondsLeft, 1);
});

Deno.test("barLines(): at 80 columns all is there, in columns; long names lose their middle", () => {
  const name = (i: number) => `${"rocprofiler-systems-".repeat(i)}lib${i}_gfx94X-dcgpu`;
  const planned = [1, 2, 3].map((i) => ({ path: `d/${name(i)}`, madeFrom: 123_400_000 }));
  const events = planned.flatMap(({ path }): TransferEvent[] => [
    start(path),
    { type: "made", path, bytes: 23_400_000 },
  ]);
  const ready: TransferEvent = { type: "ready", path: planned[0].path, size: 12_300_000 };
  const snapshot = after(planned, [...events, ready, bytes(planned[0].path, 1_230_000)]);
  for (const width of [80, 60]) {
    const lines = barLines(snapshot, width);
    const text = lines.join("\n");
    for (const line of lines) assert([...line].length <= width, line);
    assert(text.includes("sent 1.2 MB") && text.includes("1.2 MB/s") && text.includes(" left"));
    assert.equal(text.match(/packed 23\.4 MB of 123\.4 MB$/mg)?.length, 2, text);
    const columns = new Set(
      lines.slice(-3).map((line) => line.search(/ {2}(?:packed|1\.2 MB of)/)),
    );
    assert.equal(columns.size, 1, text);
    assert.match(text, / rocpro\S*…\S*dcgpu {2}packed/);
  }
});
