/**
 * Determines which commits can be the first bad one, and which to test next. Pure.
 *
 * What one commit broke is broken in all that contain it. So the first bad commit is a bad one or
 * one of its ancestors, and a good commit and its ancestors are not. The remaining commits are the
 * suspects.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";

/** The result of a test; `skip` means unknown. */
export type BisectVerdict = "good" | "bad" | "skip";

/** A commit of a bisect. */
export interface BisectCommit {
  /** The full SHA. */
  readonly sha: string;
  /** The SHAs of its parents. Parents that are not part of the bisect are ignored. */
  readonly parents: readonly string[];
  /** The first line of its message. */
  readonly title: string;
  /** When it was committed. */
  readonly date: string;
  /** Its web page. */
  readonly url?: string;
}

/** What is known of a bisect. */
export interface BisectFacts {
  /** The commits that the bad commit contains and the good one does not, including the bad one. */
  readonly commits: readonly BisectCommit[];
  /** The bad commit. */
  readonly bad: string;
  /** The verdicts on commits between the two. */
  readonly verdicts: ReadonlyMap<string, BisectVerdict>;
  /** Commits that cannot be tested because they have no artifacts. */
  readonly lacking: ReadonlySet<string>;
}

/** The progress of a bisect. */
export interface BisectSurvey {
  /** The commits that can be the first bad one, each after its parents. */
  readonly suspects: readonly BisectCommit[];
  /** The commits whose tests would distinguish suspects, as far as known. */
  readonly testable: readonly BisectCommit[];
  /**
   * The commit to test next; `undefined`, if no test would help: then the suspects are the result.
   */
  readonly next: BisectCommit | undefined;
  /** The approximate number of remaining tests, including the next one. */
  readonly steps: number;
}

/**
 * Finds the suspects, and the commit whose test divides them best: the testable one nearest to the
 * middle.
 *
 * @param facts What is known.
 * @returns The progress of the bisect.
 * @throws {RunOutputsError} `integrity`, if the facts contradict each other.
 *
 * @example
 * ```ts
 * import { type BisectCommit, surveyBisect } from "@therock/run-outputs/operations";
 *
 * const commits: BisectCommit[] = ["a", "b", "c", "d"].map((sha, i, all) => (
 *   { sha, parents: i === 0 ? [] : [all[i - 1]], title: "", date: "" }
 * ));
 * const facts = { commits, bad: "d", verdicts: new Map(), lacking: new Set(["b"]) };
 * const { next, suspects } = surveyBisect(facts);
 * console.assert(next?.sha === "a" && suspects.length === 4);
 * ```
 */
export function surveyBisect(facts: BisectFacts): BisectSurvey {
  const graph = new CommitGraph(facts.commits);
  const among = suspectsOf(graph, facts);
  if (among.size === 0) {
    throw new RunOutputsError("integrity", "The verdicts on the commits contradict each other");
  }
  const suspects = [...among].sort((a, b) => a - b);
  const canTest = (index: number) => {
    const { sha } = graph.commits[index];
    return !facts.verdicts.has(sha) && sha !== facts.bad && !facts.lacking.has(sha);
  };
  const isUseful = ([index, weight]: readonly [number, number]) =>
    weight > 0 && weight < suspects.length && canTest(index);
  const inside = [...graph.weights(suspects, among)].filter(isUseful);
  // A commit on another branch can distinguish suspects too; use it only if they cannot be tested
  // themselves.
  const testable = inside.length > 0 ? inside : graph.commits.map((_, index) => index)
    .filter((index) => !among.has(index) && canTest(index))
    .map((index) => [index, graph.weight(index, among)] as const).filter(isUseful);

  let next: number | undefined;
  let most = 0;
  for (const [index, weight] of testable) {
    const parted = Math.min(weight, suspects.length - weight);
    if (parted <= most) continue;
    most = parted;
    next = index;
  }
  const commit = (index: number) => graph.commits[index];
  return {
    suspects: suspects.map(commit),
    testable: testable.map(([index]) => commit(index)),
    next: next === undefined ? undefined : commit(next),
    steps: Math.ceil(Math.log2(testable.length + 1)),
  };
}

/**
 * Checks a verdict for contradictions.
 *
 * @param facts What is known.
 * @param sha The commit, which is part of the bisect.
 * @param verdict The new verdict.
 * @throws {RunOutputsError} `conflict`, if it contradicts the others.
 */
export function checkVerdict(facts: BisectFacts, sha: string, verdict: BisectVerdict): void {
  const graph = new CommitGraph(facts.commits);
  const index = graph.indexOf(sha);
  const known = sha === facts.bad ? "bad" : facts.verdicts.get(sha);
  if (verdict === known || (verdict === "skip" && known === undefined)) return;
  const why = known === "good" || known === "bad"
    ? `it is marked as ${known}`
    : contradiction(graph, facts, index, verdict);
  if (why === undefined) return;
  throw new RunOutputsError(
    "conflict",
    `Cannot mark ${
      short(sha)
    } as ${verdict}: ${why}; 'run-outputs bisect log' shows the verdicts ` +
      "so far",
  );
}

/** Why a verdict contradicts the others, if it does. */
function contradiction(
  graph: CommitGraph,
  facts: BisectFacts,
  index: number,
  verdict: BisectVerdict,
): string | undefined {
  const { sha } = graph.commits[index];
  const verdicts = new Map([...facts.verdicts, [sha, verdict]]);
  if (suspectsOf(graph, { ...facts, verdicts }).size > 0) return undefined;
  const said = [...facts.verdicts, [facts.bad, "bad"] as const];
  for (const [other, otherVerdict] of said) {
    const [above, below] = verdict === "good" ? [index, graph.indexOf(other)] : [
      graph.indexOf(other),
      index,
    ];
    if (otherVerdict === verdict || otherVerdict === "skip") continue;
    if (!graph.ancestors(above).has(below)) continue;
    return verdict === "good"
      ? `it contains ${short(other)}, which is bad`
      : `${short(other)}, which contains it, is good`;
  }
  return "no commit could then be the first bad one";
}

/**
 * A SHA shortened for messages.
 *
 * @param sha The full SHA.
 * @returns Its first ten digits.
 */
export function short(sha: string): string {
  return sha.slice(0, 10);
}

/** The commits that all bad ones contain and no good one does. */
function suspectsOf(graph: CommitGraph, facts: BisectFacts): Set<number> {
  let suspects = graph.ancestors(graph.indexOf(facts.bad));
  for (const [sha, verdict] of facts.verdicts) {
    if (verdict === "skip") continue;
    const ancestors = graph.ancestors(graph.indexOf(sha));
    suspects = verdict === "bad"
      ? suspects.intersection(ancestors)
      : suspects.difference(ancestors);
  }
  return suspects;
}

/** A graph of commits, each after its parents. */
class CommitGraph {
  /** The commits; the index of a commit is its position here. */
  readonly commits: readonly BisectCommit[];
  readonly #indices: ReadonlyMap<string, number>;
  readonly #parents: readonly (readonly number[])[];

  constructor(commits: readonly BisectCommit[]) {
    this.commits = parentsFirst(commits);
    this.#indices = new Map(this.commits.map(({ sha }, index) => [sha, index]));
    this.#parents = this.commits.map(({ parents }) =>
      parents.flatMap((sha) => this.#indices.get(sha) ?? [])
    );
  }

  indexOf(sha: string): number {
    const index = this.#indices.get(sha);
    if (index !== undefined) return index;
    throw new RunOutputsError("integrity", `Commit ${short(sha)} is not part of the bisect`);
  }

  /** A commit and all its ancestors. */
  ancestors(index: number): Set<number> {
    const seen = new Set([index]);
    for (const at of seen) for (const parent of this.#parents[at]) seen.add(parent);
    return seen;
  }

  /** How many suspects would remain if a commit were bad. */
  weight(index: number, among: ReadonlySet<number>): number {
    return this.ancestors(index).intersection(among).size;
  }

  /** The same for each suspect, without counting again where the history is linear. */
  weights(suspects: readonly number[], among: ReadonlySet<number>): ReadonlyMap<number, number> {
    const weights = new Map<number, number>();
    for (const index of suspects) {
      const parents = this.#parents[index].filter((parent) => among.has(parent));
      const [parent] = parents;
      const weight = parents.length > 1
        ? this.weight(index, among)
        : parent === undefined
        ? 1
        : weights.get(parent)! + 1;
      weights.set(index, weight);
    }
    return weights;
  }
}

/** Sorts commits so that each comes after its parents, otherwise keeping their order. */
function parentsFirst(commits: readonly BisectCommit[]): BisectCommit[] {
  const bySha = new Map(commits.map((commit) => [commit.sha, commit]));
  const ordered = new Set<BisectCommit>();
  for (const start of commits) {
    const stack = [start];
    // A commit cannot be its own ancestor, but invalid input must not cause an endless loop.
    const entered = new Set(stack);
    for (let commit = stack.at(-1); commit !== undefined; commit = stack.at(-1)) {
      const parent = commit.parents.map((sha) => bySha.get(sha))
        .find((parent) => parent !== undefined && !ordered.has(parent) && !entered.has(parent));
      if (parent === undefined) ordered.add(stack.pop()!);
      else {
        stack.push(parent);
        entered.add(parent);
      }
    }
  }
  return [...ordered];
}
