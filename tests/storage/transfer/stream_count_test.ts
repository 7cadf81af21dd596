/** How many streams a line gets, in virtual time. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_STREAMS, START_STREAMS, StreamCount } from "../../../src/storage/stream_count.ts";
import { fixed, type SimulatedLine, Simulation } from "../../support/simulated_line.ts";

const MiB = 1024 * 1024;
/** 1 MB/s in bytes per millisecond. */
const MBs = 1000;
/** The same lines each time: what is tested is a rule for most lines, not a promise for each. */
const RUNS = { seed: 18, numRuns: 15 };

const lines: fc.Arbitrary<SimulatedLine> = fc.record({
  latency: fc.integer({ min: 5, max: 150 }),
  each: fc.integer({ min: 5, max: 100 }).map((rate) => rate * MBs),
  total: fc.integer({ min: 10, max: 1000 }).map((rate) => rate * MBs),
  size: fc.integer({ min: 1, max: 64 }).map((size) => size * MiB),
});

/** What a line brings in the long run with a fixed number of streams, in bytes per millisecond. */
function rate(line: SimulatedLine, streams: number): number {
  const simulation = new Simulation(line, fixed(streams));
  simulation.run(2000);
  return simulation.run(8000);
}

/** The fewest streams that nearly fill the line, by powers of two. */
function enough(line: SimulatedLine): number {
  const best = rate(line, MAX_STREAMS);
  let count = 1;
  while (count < MAX_STREAMS && rate(line, count) < 0.97 * best) count *= 2;
  return count;
}

function start(line: SimulatedLine) {
  const count = new StreamCount();
  return { simulation: new Simulation(line, count), count };
}

function atLeast(actual: number, part: number, whole: number, what: string): void {
  assert(
    actual >= part * whole,
    `${what}: ${actual} is ${(actual / whole).toFixed(3)} of ${whole}`,
  );
}

for (const total of [50, 200, 400]) {
  Deno.test(`StreamCount: 90 % of ${total} MB/s with 15 MB/s a connection, the beginning included`, () => {
    const { simulation } = start({
      latency: 30,
      each: 15 * MBs,
      total: total * MBs,
      size: 16 * MiB,
    });
    atLeast(simulation.run(1700), 0.9, total * MBs, "as long as 640 MiB need");
    atLeast(simulation.run(10_000), 0.95, total * MBs, "later");
  });
}

Deno.test("StreamCount: on any line as fast as the best fixed number, nearly", () => {
  fc.assert(
    fc.property(lines, (line) => {
      const { simulation } = start(line);
      simulation.run(5000);
      atLeast(simulation.run(15_000), 0.9, rate(line, MAX_STREAMS), "after 5 s");
    }),
    RUNS,
  );
});

Deno.test("StreamCount: where more streams are not faster, there are not many more", () => {
  fc.assert(
    fc.property(lines, (line) => {
      const { simulation, count } = start(line);
      simulation.run(30_000);
      const needed = enough(line);
      assert(
        count.allowed <= Math.max(START_STREAMS * 1.5, 2 * needed),
        `${count.allowed}, ${needed}`,
      );
    }),
    RUNS,
  );
});

Deno.test("StreamCount: twenty minutes on a line that one stream fills never takes more than twice the first number", () => {
  const { simulation, count } = start({ latency: 20, each: 8, total: 8, size: MiB / 4 });
  simulation.run(1_200_000);
  assert(simulation.most <= 2 * START_STREAMS, `${simulation.most}`);
  assert(count.allowed <= START_STREAMS, `${count.allowed}`);
});

Deno.test("StreamCount: an unsteady line is filled too, and not with all streams", () => {
  fc.assert(
    fc.property(lines, (steady) => {
      const line = { ...steady, noise: 0.2 };
      const { simulation, count } = start(line);
      simulation.run(5000);
      atLeast(simulation.run(25_000), 0.8, rate(line, MAX_STREAMS), "after 5 s");
      const needed = enough(steady);
      assert(
        count.allowed <= Math.max(2 * START_STREAMS, 4 * needed),
        `${count.allowed}, ${needed}`,
      );
    }),
    RUNS,
  );
});

Deno.test("StreamCount: after a complaint there are fewer, and then as many as are needed", () => {
  fc.assert(
    fc.property(lines, (line) => {
      const { simulation, count } = start(line);
      simulation.run(5000);
      const before = count.allowed;
      count.complained();
      assert(count.allowed < before, `${count.allowed} after ${before}`);
      simulation.run(20_000);
      atLeast(simulation.run(10_000), 0.88, rate(line, MAX_STREAMS), "20 s after it");
    }),
    RUNS,
  );
});

Deno.test("StreamCount: each complaint halves the number, to one at least", () => {
  const count = new StreamCount();
  const seen: number[] = [];
  for (let i = 0; i < 5; i++) {
    count.complained();
    seen.push(count.allowed);
  }
  assert.deepEqual(seen, [4, 2, 1, 1, 1]);
});

Deno.test("StreamCount: a server that refuses a 21st stream is rarely asked for it", () => {
  const { simulation } = start({
    latency: 30,
    each: 15 * MBs,
    total: 1000 * MBs,
    size: 4 * MiB,
    refusesAbove: 20,
  });
  simulation.run(10_000);
  const before = simulation.refused;
  atLeast(
    simulation.run(60_000),
    0.75,
    rate({ ...LINE, total: 1000 * MBs }, 20),
    "beside complaints",
  );
  assert(simulation.refused - before <= 10, `${simulation.refused - before}`);
});

const LINE = { latency: 30, each: 15 * MBs, total: 60 * MBs, size: 4 * MiB };

Deno.test("StreamCount: a line that becomes faster or slower gets its number", () => {
  const { simulation, count } = start(LINE);
  simulation.run(20_000);
  assert(count.allowed <= 8, `${count.allowed}`);
  simulation.become({ total: 400 * MBs });
  simulation.run(60_000);
  atLeast(simulation.run(10_000), 0.9, 400 * MBs, "faster");
  simulation.become({ total: 60 * MBs });
  simulation.run(120_000);
  atLeast(simulation.run(10_000), 0.9, 60 * MBs, "slower");
  assert(count.allowed <= 16, `${count.allowed}`);
});

Deno.test("StreamCount: uploads, of which only the end is known, are as fast as with the best fixed number", () => {
  const uploads = lines.map((line) => ({ ...line, size: line.size / 8, isUpload: true }));
  fc.assert(
    fc.property(uploads, (line) => {
      const { simulation, count } = start(line);
      simulation.run(20_000);
      atLeast(simulation.run(15_000), 0.88, rate(line, MAX_STREAMS), "after 20 s");
      const needed = enough(line);
      assert(
        count.allowed <= Math.max(2 * START_STREAMS, 4 * needed),
        `${count.allowed}, ${needed}`,
      );
    }),
    RUNS,
  );
});

Deno.test("StreamCount: an upload that began before the last change says nothing of the new number", () => {
  const count = new StreamCount();
  const { generation } = count;
  for (let i = 0; i < 8; i++) count.ended(8 * MiB, 1000, 8, generation);
  assert.equal(count.allowed, 16);
  for (let i = 0; i < 100; i++) count.ended(8 * MiB, 10, 16, generation);
  assert.equal(count.allowed, 16);
});

Deno.test("StreamCount: streams that nobody uses say nothing", () => {
  const count = new StreamCount();
  for (let now = 0; now < 100_000; now += 10) count.moved(now, MiB, 2);
  assert.equal(count.allowed, START_STREAMS);
});
