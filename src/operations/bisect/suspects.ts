/**
 * Which commits can be the first bad one, and which of them to test next. Pure.
 *
 * What one commit broke is broken in all that contain it. So a bad commit makes all but itself and
 * its ancestors innocent, and a good one itself and its ancestors. What is left are the suspects.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";

/** What a test says of a commit; `skip`: nothing. */
export type BisectVerdict = "good" | "bad" | "skip";

/** A commit of a bisect. */
export interface BisectCommit {
  /** The full SHA. */
  readonly sha: string;
  /** The SHAs of its parents; those that are not among the bisect's commits do not count. */
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
  /** The commits that the bad end has and the good one has not, the bad end among them. */
  readonly commits: readonly BisectCommit[];
  /** The bad end. */
  readonly bad: string;
  /** What was said of commits between the ends. */
  readonly verdicts: ReadonlyMap<string, BisectVerdict>;
  /** Commits that can't be tested because they have no artifacts. */
  readonly lacking: ReadonlySet<string>;
}

/** How far a bisect is. */
export interface BisectSurvey {
  /** The commits that can be the first bad one, each after its parents. */
  readonly suspects: readonly BisectCommit[];
  /** The commits whose tests would tell suspects apart, as far as is known. */
  readonly testable: readonly BisectCommit[];
  /** The one to test; `undefined`, if none is of use: then the suspects are the answer. */
  readonly next: BisectCommit | undefined;
  /** About how many tests it takes, the next one counted. */
  readonly steps: number;
}

/**
 * Finds the suspects, and the commit whose test parts them best: of all that can be tested the one
 * nearest to their middle.
 *
 * @param facts What is known.
 * @returns How far the bisect is.
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
  const tells = ([index, weight]: readonly [number, number]) =>
    weight > 0 && weight < suspects.length && canTest(index);
  const inside = [...graph.weights(suspects, among)].filter(tells);
  // A commit on another branch can tell suspects apart too: that is for when they can't themselves.
  const testable = inside.length > 0 ? inside : graph.commits.map((_, index) => index)
    .filter((index) => !among.has(index) && canTest(index))
    .map((index) => [index, graph.weight(index, among)] as const).filter(tells);

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
 * Holds a verdict against what is known.
 *
 * @param facts What is known.
 * @param sha The commit; it is one of the bisect's.
 * @param verdict What is to be said of it.
 * @throws {RunOutputsError} `conflict`, if both can't be true.
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

/** Why a verdict can't be true, if it can't. */
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
 * A SHA as people read it.
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

/** Commits, each after its parents. */
class CommitGraph {
  /** The commits; a commit's index is its place here. */
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

  /** A commit and all before it. */
  ancestors(index: number): Set<number> {
    const seen = new Set([index]);
    for (const at of seen) for (const parent of this.#parents[at]) seen.add(parent);
    return seen;
  }

  /** How many suspects would be left if a commit were bad. */
  weight(index: number, among: ReadonlySet<number>): number {
    return this.ancestors(index).intersection(among).size;
  }

  /** The same of each suspect; without counting anew where history is a line. */
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

/** Orders commits so that each comes after its parents, otherwise as they are. */
function parentsFirst(commits: readonly BisectCommit[]): BisectCommit[] {
  const bySha = new Map(commits.map((commit) => [commit.sha, commit]));
  const ordered = new Set<BisectCommit>();
  for (const start of commits) {
    const stack = [start];
    // A commit that is its own ancestor can't be, but must not keep us here for ever.
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
