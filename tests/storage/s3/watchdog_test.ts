/** The watchdog over a request. */

import assert from "node:assert/strict";
import { type Clock, Line } from "../../../src/storage/s3/line.ts";
import { LEAST_RATE, StalledError, Watchdog } from "../../../src/storage/s3/watchdog.ts";

/** A clock that stands until it is moved, so that no machine is too slow for these tests. */
class FakeClock implements Clock {
  readonly #timers = new Set<{ readonly at: number; readonly act: () => void }>();
  #time = 0;

  now(): number {
    return this.#time;
  }

  after(ms: number, act: () => void): () => void {
    const timer = { at: this.#time + ms, act };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Moves on, with what is due on the way. */
  goOn(ms: number): void {
    const end = this.#time + ms;
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#timers.delete(next);
      this.#time = next.at;
      next.act();
    }
    this.#time = end;
  }

  /** Moves on, and does something after each of so many steps. */
  steps(count: number, ms: number, act: () => void): void {
    for (let i = 0; i < count; i++) {
      this.goOn(ms);
      act();
    }
  }
}

function fakeLine(): { readonly clock: FakeClock; readonly line: Line } {
  const clock = new FakeClock();
  return { clock, line: new Line(clock) };
}

function assertStalled(watchdog: Watchdog): void {
  assert(watchdog.signal.reason instanceof StalledError, `${watchdog.signal.reason}`);
}

const MiB = 1024 * 1024;

Deno.test("Watchdog: with the system's clock, a request without progress ends", async () => {
  using watchdog = new Watchdog(10);
  await new Promise((resolve) => watchdog.signal.addEventListener("abort", resolve));
  assertStalled(watchdog);
});

Deno.test("Watchdog: bytes that are on their way unseen have as much more time", () => {
  const { clock, line } = fakeLine();
  using watchdog = new Watchdog(50, undefined, line);
  watchdog.handed(3 * MiB);
  clock.goOn(199);
  assert(!watchdog.signal.aborted);
  clock.goOn(1);
  assertStalled(watchdog);
});

Deno.test("Watchdog: a request that gets nothing is spared while others on the line get something", () => {
  const { clock, line } = fakeLine();
  using other = new Watchdog(10_000, undefined, line);
  using starving = new Watchdog(100, undefined, line);
  clock.steps(20, 15, () => other.touch());
  assert(!starving.signal.aborted, "three times the limit");
  clock.goOn(99);
  assert(!starving.signal.aborted, "the last progress of others is more recent than the limit");
  clock.goOn(1);
  assertStalled(starving);
});

Deno.test("Watchdog: a request that gets nothing ends in the end, though others go on", () => {
  const { clock, line } = fakeLine();
  using other = new Watchdog(10_000, undefined, line);
  using dead = new Watchdog(50, undefined, line);
  clock.steps(49, 5, () => other.touch());
  assert(!dead.signal.aborted, "the limit, and four times more");
  clock.goOn(5);
  assertStalled(dead);
  assert(!other.signal.aborted);
});

Deno.test("Watchdog: a request is not spared once its share of the line has come several times", () => {
  const { clock, line } = fakeLine();
  using other = new Watchdog(10_000, undefined, line);
  using dead = new Watchdog(50, undefined, line);
  dead.handed(0);
  // Two requests, eight times 256 KiB for each.
  other.moved(4 * MiB - 2);
  clock.steps(20, 5, () => other.touch());
  assert(!dead.signal.aborted, "its share was not much");
  other.moved(2);
  clock.steps(4, 5, () => other.touch());
  assertStalled(dead);
});

Deno.test("Watchdog: it knows the longest time in which nothing moved", () => {
  const { clock, line } = fakeLine();
  using watchdog = new Watchdog(10_000, undefined, line);
  clock.goOn(60);
  watchdog.touch();
  assert.equal(watchdog.quiet, 60);
  watchdog.touch();
  watchdog.rest();
  clock.goOn(240);
  watchdog.wake();
  watchdog.touch();
  assert.equal(watchdog.quiet, 60, "the reader's rest is not the line's");
});

Deno.test("Watchdog: few bytes are not progress, enough are, and a rest does not count", () => {
  const { clock, line } = fakeLine();
  {
    using watchdog = new Watchdog(200, undefined, line);
    clock.steps(3, 50, () => watchdog.moved(1));
    assert(!watchdog.signal.aborted);
    clock.goOn(50);
    assertStalled(watchdog);
  }
  {
    using other = new Watchdog(200, undefined, line);
    other.moved(LEAST_RATE / 5);
    other.rest();
    // The reader takes its time.
    clock.goOn(10_000);
    other.wake();
    clock.goOn(199);
    assert(!other.signal.aborted);
    other.moved(LEAST_RATE / 5);
    clock.goOn(199);
    assert(!other.signal.aborted);
  }
  using dripping = new Watchdog(200, undefined, line);
  // It is the time between that counts, however often the reader rests.
  clock.steps(3, 50, () => {
    dripping.rest();
    dripping.wake();
    dripping.moved(1);
  });
  assert(!dripping.signal.aborted);
  clock.goOn(50);
  assertStalled(dripping);
});

Deno.test("Watchdog: its timer ends in a rest, and begins again when it wakes up", () => {
  const { clock, line } = fakeLine();
  using watchdog = new Watchdog(200, undefined, line);
  for (let i = 0; i < 3; i++) {
    clock.goOn(20);
    watchdog.rest();
    watchdog.rest();
    clock.goOn(1000);
    watchdog.wake();
  }
  // It was awake for 60 ms.
  clock.goOn(139);
  assert(!watchdog.signal.aborted);
  clock.goOn(1);
  assertStalled(watchdog);
});
