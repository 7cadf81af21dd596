/** How many bytes may be on the line, by what calls report. */

import assert from "node:assert/strict";
import { LEAST, LineWindow, START } from "../../../src/storage/line_window.ts";

const WANTED = 15_000;

/** What `count` calls of a full window report: all began before any has ended. */
function round(window: LineWindow, bytes: number, quiet: number): void {
  const { shrinks } = window;
  const count = Math.ceil(window.size / bytes);
  for (let i = 0; i < count; i++) {
    window.answered({ bytes, flight: count * bytes, quiet, shrinks });
  }
}

Deno.test("LineWindow: calls that are answered soon double it with each round", () => {
  const window = new LineWindow(WANTED);
  const bytes = START / 8;
  assert.equal(window.size, START);
  round(window, bytes, 100);
  assert.equal(window.size, 2 * START);
  round(window, bytes, 100);
  assert.equal(window.size, 4 * START);
});

Deno.test("LineWindow: what was not in use says nothing of the line", () => {
  const window = new LineWindow(WANTED);
  for (let i = 0; i < 100; i++) {
    window.answered({ bytes: 1000, flight: 1000, quiet: 10, shrinks: 0 });
  }
  assert.equal(window.size, START);
});

Deno.test("LineWindow: a call that was quiet for long shrinks it to what takes the wanted time", () => {
  const window = new LineWindow(WANTED);
  round(window, START / 8, 4 * WANTED);
  assert.equal(window.size, START / 4);
  assert.equal(window.shrinks, 1, "the others of that round began before and say the same");
  // What the line now takes is near enough to what is wanted: neither up nor down.
  round(window, START / 8, 0.8 * WANTED);
  assert.equal(window.size, START / 4);
});

Deno.test("LineWindow: it shrinks from what was on the line, not from what might have been", () => {
  const window = new LineWindow(WANTED);
  window.answered({ bytes: 250_000, flight: 500_000, quiet: 2 * WANTED, shrinks: 0 });
  assert.equal(window.size, 250_000);
});

Deno.test("LineWindow: a stall leaves a quarter, once for all that began before", () => {
  const window = new LineWindow(WANTED);
  for (let i = 0; i < 8; i++) window.stalled({ bytes: START / 8, flight: START, shrinks: 0 });
  assert.equal(window.size, START / 4);
  window.stalled({ bytes: START / 8, flight: START / 4, shrinks: 1 });
  assert.equal(window.size, START / 16);
});

Deno.test("LineWindow: once it has shrunk it grows by a quarter with each round", () => {
  const window = new LineWindow(WANTED);
  window.stalled({ bytes: START, flight: START, shrinks: 0 });
  const bytes = START / 16;
  const before = window.size;
  round(window, bytes, 100);
  assert.equal(window.size, before * 1.25);
});

Deno.test("LineWindow: one call always has room, and tiny ones go side by side", () => {
  const window = new LineWindow(WANTED);
  for (let i = 0; i < 100; i++) {
    window.stalled({ bytes: 100, flight: 100, shrinks: window.shrinks });
  }
  assert.equal(window.size, LEAST);
  assert(window.hasRoom(0) && window.hasRoom(LEAST - 1) && !window.hasRoom(LEAST));
});

/** A line that many calls share: each takes as long as all that is on it needs. */
function simulate(rate: number, size: number, count: number): { ms: number; longest: number } {
  const window = new LineWindow(WANTED);
  let now = 0;
  let longest = 0;
  let running: { left: number; began: number; shrinks: number; flight: number }[] = [];
  for (let waiting = count; waiting > 0 || running.length > 0;) {
    while (waiting > 0 && window.hasRoom(running.length * size)) {
      waiting--;
      running.push({ left: size, began: now, shrinks: window.shrinks, flight: 0 });
    }
    const flight = running.length * size;
    for (const call of running) call.flight = Math.max(call.flight, flight);
    const least = Math.min(...running.map(({ left }) => left));
    const step = least * running.length / rate;
    now += step;
    for (const call of running) call.left -= least;
    for (const call of running.filter(({ left }) => left < 1e-6)) {
      const quiet = now - call.began;
      longest = Math.max(longest, quiet);
      window.answered({ bytes: size, flight: call.flight, quiet, shrinks: call.shrinks });
    }
    running = running.filter(({ left }) => left >= 1e-6);
  }
  return { ms: now, longest };
}

Deno.test("LineWindow: on each line calls stay below the time that they have, and the line is full", () => {
  for (const perSecond of [40_000, 64_000, 120_000, 1e6, 1e8]) {
    for (const size of [1000, 100_000, 250_000, 1_000_000]) {
      const { ms, longest } = simulate(perSecond / 1000, size, 200);
      const alone = size / perSecond * 1000;
      assert(longest < Math.max(60_000, 4 * alone), `${perSecond}, ${size}: ${longest}`);
      assert(Math.abs(ms - 200 * alone) < 1, "nobody waited while the line was free");
    }
  }
});
