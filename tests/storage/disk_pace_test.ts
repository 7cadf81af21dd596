/** Calls on a disk, in place or in another thread. */

import assert from "node:assert/strict";
import { DiskPace } from "../../src/storage/disk_pace.ts";

/** Makes calls that take so many milliseconds each, by a clock of their own. */
function paced() {
  let now = 0;
  const pace = new DiskPace(() => now);
  return (ms: number): "aside" | "in place" => {
    let how: "aside" | "in place" = "in place";
    const inPlace = () => void (now += ms);
    pace.call(inPlace, () => {
      how = "aside";
      return Promise.resolve();
    });
    return how;
  };
}

Deno.test("DiskPace: calls in memory stay in place", () => {
  const call = paced();
  const hows = Array.from({ length: 100 }, () => call(1));
  assert.deepEqual([...new Set(hows)], ["in place"]);
});

Deno.test("DiskPace: after a slow call others are made aside, more after each, and it recovers", () => {
  const call = paced();
  /** How many calls are made aside before the next one in place. */
  const aside = (ms: number) => {
    let count = 0;
    while (call(ms) === "aside") count++;
    return count;
  };
  assert.equal(aside(50), 0);
  assert.deepEqual(Array.from({ length: 9 }, () => aside(50)), [
    ...[8, 16, 32, 64, 128, 256, 512, 1024, 1024],
  ]);
  assert.equal(aside(1), 1024);
  assert.equal(aside(50), 0);
  assert.equal(aside(1), 8);
});

Deno.test("DiskPace: an error of a call is thrown, and a value returned, in place and aside", async () => {
  let now = 0;
  const pace = new DiskPace(() => now);
  const slow = () => {
    now += 100;
    return "in place";
  };
  assert.equal(await pace.call(slow, () => Promise.resolve("aside")), "in place");
  assert.equal(await pace.call(slow, () => Promise.resolve("aside")), "aside");
  await assert.rejects(async () => await pace.call(slow, () => Promise.reject(new Error("full"))));
  assert.throws(() => {
    new DiskPace().call(() => {
      throw new Error("full");
    }, () => Promise.resolve());
  }, /full/);
});
