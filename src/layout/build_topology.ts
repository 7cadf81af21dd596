/**
 * The inputs and outputs of the stages of a multi-arch build, from a `BUILD_TOPOLOGY.toml`.
 *
 * @module
 */

import { parse } from "smol-toml";
import { invalid, quote, RunOutputsError } from "../errors/error.ts";
import { nearest } from "./nearest.ts";

/** The name for all stages together, with unlimited inputs and outputs. */
export const ALL_STAGES = "all";

/** A stage of a build. */
export interface BuildStage {
  /** Its name, like `math-libs`. */
  readonly name: string;
  /** `generic` or `per-arch`. Default: `generic`. */
  readonly type: string;
  /** The artifact groups that it builds, in file order. */
  readonly artifactGroups: readonly string[];
  /** The names of the artifacts that it needs before it starts, sorted. */
  readonly needs: readonly string[];
  /** The names of the artifacts that it produces, sorted. */
  readonly produces: readonly string[];
}

/** The stages of a build. */
export interface BuildTopology {
  /** All stages in build order: each after the stages that it needs, otherwise in file order. */
  readonly stages: readonly BuildStage[];
}

/** A named entry and the names that it depends on. */
interface Entry {
  readonly name: string;
  readonly type: string;
  readonly of: readonly string[];
}

interface Artifact {
  readonly name: string;
  readonly group: string;
  readonly deps: readonly string[];
}

/**
 * Parses a build topology. Unknown keys and tables are ignored: newer files have some.
 *
 * @param text The file's content, TOML.
 * @param file The file's name, for messages.
 * @returns The stages.
 * @throws {RunOutputsError} `invalid`, if it is not TOML, lacks a table, or refers to a name that
 * it does not define.
 *
 * @example
 * ```ts
 * import { parseBuildTopology } from "@therock/run-outputs/layout";
 *
 * const { stages } = parseBuildTopology(`
 *   [build_stages.base]
 *   artifact_groups = ["core"]
 *   [artifact_groups.core]
 *   [artifacts.hip]
 *   artifact_group = "core"
 * `, "BUILD_TOPOLOGY.toml");
 * console.assert(stages[0].produces.join() === "hip");
 * ```
 */
export function parseBuildTopology(text: string, file: string): BuildTopology {
  const read = new Reader(text, file);
  const groups = read.entries("artifact_groups", "artifact_group_deps");
  const stages = read.entries("build_stages", "artifact_groups");
  const artifacts = read.artifacts();
  read.checkNames("build_stages", "artifact_groups", stages, groups);
  read.checkNames("artifact_groups", "artifact_group_deps", groups, groups);
  for (const { name, group, deps } of artifacts.values()) {
    read.checkName(`artifacts.${name}.artifact_group`, group, groups);
    for (const dep of deps) read.checkName(`artifacts.${name}.artifact_deps`, dep, artifacts);
  }
  const described = [...stages.values()].map((stage) => describe(stage, groups, artifacts));
  return { stages: inBuildOrder(described, file) };
}

/**
 * Finds stages by name.
 *
 * @param topology The topology.
 * @param names Names of stages.
 * @returns The stages, in build order.
 * @throws {RunOutputsError} `invalid`, if there is no stage with a name.
 */
export function findStages({ stages }: BuildTopology, names: readonly string[]): BuildStage[] {
  const known = stages.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = nearest(name, known) ?? known.find((other) => isPart(name, other));
    const remedy = meant === undefined ? "" : `; did you mean '${meant}'?`;
    throw invalid("stage", name, `one of ${[...known, ALL_STAGES].join(", ")}${remedy}`);
  }
  return stages.filter(({ name }) => names.includes(name));
}

/** Whether a word is a part of another one, such as `math` of `math-libs`. */
function isPart(word: string, other: string): boolean {
  return word.length > 2 && other.toLowerCase().includes(word.toLowerCase());
}

/** The inputs and outputs of a stage. */
function describe(
  { name, type, of }: Entry,
  groups: ReadonlyMap<string, Entry>,
  artifacts: ReadonlyMap<string, Artifact>,
): BuildStage {
  const inGroups = (names: readonly string[]) =>
    [...artifacts.values()].filter(({ group }) => names.includes(group));
  const own = inGroups(of);
  const produces = new Set(own.map((artifact) => artifact.name));
  // Only the artifacts of the groups that a group depends on, not those of their dependencies.
  const inbound = inGroups(of.flatMap((group) => groups.get(group)!.of));
  const needs = new Set<string>();
  const queue = [...inbound.map((artifact) => artifact.name), ...own.flatMap(({ deps }) => deps)];
  for (const artifact of queue) {
    if (needs.has(artifact)) continue;
    needs.add(artifact);
    queue.push(...artifacts.get(artifact)!.deps);
  }
  const sorted = (names: Iterable<string>) => [...names].sort();
  return {
    name,
    type,
    artifactGroups: of,
    needs: sorted(needs.values().filter((artifact) => !produces.has(artifact))),
    produces: sorted(produces),
  };
}

function inBuildOrder(stages: readonly BuildStage[], file: string): BuildStage[] {
  const ordered: BuildStage[] = [];
  let left = stages;
  while (left.length > 0) {
    const next = left.find((stage) =>
      left.every((other) =>
        other === stage || !other.produces.some((artifact) => stage.needs.includes(artifact))
      )
    );
    if (next === undefined) {
      throw bad(file, `stages need each other: ${left.map(({ name }) => name).join(", ")}`);
    }
    ordered.push(next);
    left = left.filter((stage) => stage !== next);
  }
  return ordered;
}

/** Reads tables and reports the first error. */
class Reader {
  readonly #file: string;
  readonly #root: Readonly<Record<string, unknown>>;

  constructor(text: string, file: string) {
    this.#file = file;
    try {
      this.#root = parse(text.replace(/^\ufeff/, ""));
    } catch (error) {
      // The lines after the first one show the position.
      const [reason] = (error as Error).message.split("\n");
      const { line } = error as { readonly line?: number };
      throw bad(file, line === undefined ? reason : `line ${line}: ${reason}`);
    }
  }

  entries(table: string, key: string): Map<string, Entry> {
    return this.#read(table, (name, values, where) => ({
      name,
      type: this.#text(values.type, `${where}.type`) ?? "generic",
      of: this.#names(values[key], `${where}.${key}`),
    }));
  }

  artifacts(): Map<string, Artifact> {
    return this.#read("artifacts", (name, values, where) => {
      const group = this.#text(values.artifact_group, `${where}.artifact_group`);
      if (group === undefined) throw bad(this.#file, `${where} has no artifact_group`);
      return { name, group, deps: this.#names(values.artifact_deps, `${where}.artifact_deps`) };
    });
  }

  checkNames(
    table: string,
    key: string,
    entries: ReadonlyMap<string, Entry>,
    known: ReadonlyMap<string, unknown>,
  ): void {
    for (const { name, of } of entries.values()) {
      for (const other of of) this.checkName(`${table}.${name}.${key}`, other, known);
    }
  }

  checkName(where: string, name: string, known: ReadonlyMap<string, unknown>): void {
    if (!known.has(name)) {
      throw bad(this.#file, `${where} names ${quote(name)}, which is not there`);
    }
  }

  #read<T>(
    table: string,
    read: (name: string, values: Readonly<Record<string, unknown>>, where: string) => T,
  ): Map<string, T> {
    const entries = this.#root[table];
    if (!isTable(entries)) throw bad(this.#file, `expected tables [${table}.NAME]`);
    return new Map(
      Object.entries(entries).map(([name, values]) => {
        const where = `${table}.${name}`;
        if (!isTable(values)) throw bad(this.#file, `expected a table [${where}]`);
        return [name, read(name, values, where)];
      }),
    );
  }

  #names(value: unknown, where: string): readonly string[] {
    if (value === undefined) return [];
    if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
    throw bad(this.#file, `${where}: expected a list of names`);
  }

  #text(value: unknown, where: string): string | undefined {
    if (value === undefined || typeof value === "string") return value;
    throw bad(this.#file, `${where}: expected a text`);
  }
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

function bad(file: string, reason: string): RunOutputsError {
  return new RunOutputsError("invalid", `Cannot read the build topology '${file}': ${reason}`);
}
