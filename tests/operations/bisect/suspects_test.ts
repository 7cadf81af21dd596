/** Which commit a bisect tests next, and what it ends with: for every history and every gap. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type BisectCommit,
  type BisectFacts,
  type BisectVerdict,
  checkVerdict,
  surveyBisect,
} from "../../../src/operations/bisect/suspects.ts";
import { cases } from "../../support/cases.ts";
import { throwsWith } from "../../support/errors.ts";

/** A history: of each commit the indices of its parents, all of them smaller. */
type Parents = readonly (readonly number[])[];

const sha = (index: number) => index.toString(16).padStart(40, "0");

function commitsOf(parents: Parents): BisectCommit[] {
  return parents.map((above, index) => (
    { sha: sha(index), parents: above.map(sha), title: `change ${index}`, date: "" }
  ));
}

function line(length: number): Parents {
  return Array.from({ length }, (_, index) => index === 0 ? [] : [index - 1]);
}

/** Whether a commit contains another one, by walking. */
function contains(parents: Parents, index: number, other: number): boolean {
  return index === other || parents[index].some((above) => contains(parents, above, other));
}

interface Game {
  readonly parents: Parents;
  readonly firstBad: number;
  readonly lacking: ReadonlySet<number>;
  /** Commits whose test says nothing. */
  readonly untestable?: ReadonlySet<number>;
}

/** Tests what is proposed until nothing is. */
function play({ parents, firstBad, lacking, untestable = new Set() }: Game) {
  const commits = commitsOf(parents);
  const verdicts = new Map<string, BisectVerdict>();
  const facts: BisectFacts = {
    commits,
    bad: sha(parents.length - 1),
    verdicts,
    lacking: new Set([...lacking].map(sha)),
  };
  const tested: number[] = [];
  for (;;) {
    const { next, suspects } = surveyBisect(facts);
    if (next === undefined) {
      return { tested, suspects: suspects.map((commit) => parseInt(commit.sha, 16)) };
    }
    const index = parseInt(next.sha, 16);
    assert(!tested.includes(index) && !lacking.has(index), "tested twice, or without artifacts");
    tested.push(index);
    const verdict = untestable.has(index)
      ? "skip"
      : contains(parents, index, firstBad)
      ? "bad"
      : "good";
    checkVerdict(facts, next.sha, verdict);
    verdicts.set(next.sha, verdict);
  }
}

/** All commits that could be the first bad one if everything that can be tested were tested. */
function possible({ parents, firstBad, lacking, untestable = new Set() }: Game): number[] {
  const all = parents.map((_, index) => index);
  const told = all.filter((index) => !lacking.has(index) && !untestable.has(index));
  const last = parents.length - 1;
  return all.filter((candidate) =>
    contains(parents, last, candidate) &&
    told.every((index) =>
      contains(parents, index, candidate) === contains(parents, index, firstBad)
    )
  );
}

Deno.test("bisect: in a line of up to 10 commits, for every first bad one and all gaps", () => {
  for (let length = 1; length <= 10; length++) {
    const parents = line(length);
    for (let gaps = 0; gaps < 1 << (length - 1); gaps++) {
      const lacking = new Set(parents.keys().filter((index) => (gaps >> index & 1) === 1));
      for (let firstBad = 0; firstBad < length; firstBad++) {
        const game = { parents, firstBad, lacking };
        const { suspects, tested } = play(game);
        assert.deepEqual(suspects, possible(game));
        assert(suspects.includes(firstBad));
        const most = Math.ceil(Math.log2(length)) + lacking.size;
        assert(tested.length <= most, `${tested.length} tests of ${length}, ${gaps}`);
      }
    }
  }
});

Deno.test("bisect: in a line, whatever lacks artifacts or is skipped", () => {
  const someOf = fc.uniqueArray(fc.nat(299), { maxLength: 60 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.nat(299),
      someOf,
      someOf,
      (length, position, lacking, untestable) => {
        const inner = (indices: number[]) => new Set(indices.filter((index) => index < length - 1));
        const game = {
          parents: line(length),
          firstBad: position % length,
          lacking: inner(lacking),
          untestable: inner(untestable),
        };
        const { suspects, tested } = play(game);
        const told = [...Array(length).keys()]
          .filter((index) => !game.lacking.has(index) && !game.untestable.has(index));
        // In a line those are the commits behind the last good one, up to the first bad one.
        const good = told.findLast((index) => index < game.firstBad) ?? -1;
        const bad = told.find((index) => index >= game.firstBad)!;
        assert.deepEqual(suspects, [...Array(length).keys()].slice(good + 1, bad + 1));
        const gaps = game.lacking.size + game.untestable.size;
        const telling = tested.filter((index) => !game.untestable.has(index));
        assert(telling.length <= Math.ceil(Math.log2(length)) + gaps);
      },
    ),
    { numRuns: cases(500) },
  );
});

/** A history with branches and merges, whose last commit contains all others. */
const history: fc.Arbitrary<Parents> = fc.array(
  fc.tuple(fc.nat(), fc.option(fc.nat())),
  { minLength: 1, maxLength: 14 },
).map((choices) => {
  const parents: number[][] = choices.map(([first, second], index) =>
    index === 0 ? [] : [...new Set([first % index, (second ?? first) % index])]
  );
  const used = new Set(parents.flat());
  const ends = [...parents.keys()].filter((index) => !used.has(index));
  return [...parents, ends];
});

Deno.test("bisect: with branches and merges the result is all commits that no test can distinguish", () => {
  fc.assert(
    fc.property(
      history,
      fc.nat(),
      fc.uniqueArray(fc.nat(13), { maxLength: 6 }),
      fc.uniqueArray(fc.nat(13), { maxLength: 3 }),
      (parents, position, lacking, untestable) => {
        const last = parents.length - 1;
        const game = {
          parents,
          firstBad: position % parents.length,
          lacking: new Set(lacking.filter((index) => index < last)),
          untestable: new Set(untestable.filter((index) => index < last)),
        };
        const { suspects, tested } = play(game);
        assert.deepEqual([...suspects].sort((a, b) => a - b), possible(game));
        assert(suspects.includes(game.firstBad));
        assert(tested.length <= last);
      },
    ),
    { numRuns: cases(1000) },
  );
});

Deno.test("bisect: the middle is the same as in git", () => {
  // `git rev-list --bisect` of a line: the lower of two middles.
  for (let length = 2; length <= 64; length++) {
    const facts = factsOf(line(length));
    assert.equal(surveyBisect(facts).next?.sha, sha(Math.floor(length / 2) - 1));
  }
});

Deno.test("bisect: the order in which commits are listed does not matter", () => {
  fc.assert(fc.property(
    history.chain((parents) =>
      fc.tuple(
        fc.constant(parents),
        fc.shuffledSubarray(commitsOf(parents), { minLength: parents.length }),
      )
    ),
    ([parents, commits]) => {
      const { suspects, next, steps } = surveyBisect({ ...factsOf(parents), commits });
      assert.equal(suspects.length, parents.length);
      assert.equal(suspects.at(-1)?.sha, sha(parents.length - 1));
      for (const [index, commit] of suspects.entries()) {
        for (const above of commit.parents) {
          assert(suspects.findIndex((other) => other.sha === above) < index);
        }
      }
      assert.equal(next === undefined, parents.length === 1);
      assert.equal(steps, Math.ceil(Math.log2(parents.length)));
    },
  ));
});

Deno.test("bisect: 20000 commits in a line", () => {
  const facts = factsOf(line(20_000));
  const commits = [...facts.commits].reverse();
  assert.equal(surveyBisect({ ...facts, commits }).next?.sha, sha(9999));
});

Deno.test("bisect: a verdict that contradicts another is rejected, naming the other", () => {
  // 0 - 1 - 2 - 4 - 5, with 3 beside 2.
  const parents = [[], [0], [1], [1], [2, 3], [4]];
  const check = (verdicts: [number, BisectVerdict][], index: number, verdict: BisectVerdict) =>
    checkVerdict(factsOf(parents, verdicts), sha(index), verdict);
  const name = (index: number) => sha(index).slice(0, 10);
  throwsWith(() => check([[2, "good"]], 2, "bad"), "conflict", name(2), "is marked as good");
  throwsWith(() => check([[2, "bad"]], 2, "good"), "conflict", "is marked as bad");
  throwsWith(() => check([[2, "bad"]], 2, "skip"), "conflict", "is marked as bad");
  throwsWith(() => check([[2, "good"]], 1, "bad"), "conflict", `${name(2)}, which contains it, is`);
  throwsWith(() => check([[2, "bad"]], 4, "good"), "conflict", `contains ${name(2)}, which is bad`);
  throwsWith(() => check([], 5, "good"), "conflict", "is marked as bad");
  throwsWith(
    () => check([[2, "bad"], [1, "good"]], 3, "bad"),
    "conflict",
    "no commit could then be the first bad one",
  );
  check([[2, "skip"]], 2, "good");
  check([[2, "good"]], 2, "good");
  check([[2, "good"]], 1, "good");
  check([[2, "bad"]], 3, "good");
  check([[2, "bad"]], 4, "bad");
  check([[2, "bad"]], 1, "skip");
});

Deno.test("bisect: contradicting facts are reported", () => {
  throwsWith(
    () => surveyBisect(factsOf(line(4), [[1, "bad"], [2, "good"]])),
    "integrity",
    "contradict each other",
  );
  throwsWith(() => surveyBisect(factsOf(line(2), [[7, "bad"]])), "integrity", "is not part of the");
});

function factsOf(parents: Parents, verdicts: readonly [number, BisectVerdict][] = []): BisectFacts {
  return {
    commits: commitsOf(parents),
    bad: sha(parents.length - 1),
    verdicts: new Map(verdicts.map(([index, verdict]) => [sha(index), verdict])),
    lacking: new Set(),
  };
}
