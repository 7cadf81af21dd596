/**
 * The record of what retention has removed from a run: `manifests/retention/removed.json`.
 *
 * It is written before the first file is deleted. So a file that a part lists exists, or this record
 * says why it does not. Its size and hash stay in the part.
 *
 * @module
 */

import { z } from "zod";
import { quote, RunOutputsError } from "../errors/error.ts";
import { classify, OUTPUT_KINDS, type OutputKind } from "../layout/classify.ts";
import type { OutputLocation } from "../layout/output_location.ts";
import type { OutputPaths } from "../layout/output_paths.ts";
import { parseJson } from "./parse_json.ts";

/** The schema that this version writes, and reads. */
export const REMOVED_SCHEMA = "run-outputs.removed/1";

/** A record can't be larger, in bytes. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** A removal names at most this many files that no part lists. */
export const MAX_UNLISTED = 10_000;

/** A version of a part, or of the marker of an incomplete one: `{part}.incomplete`. */
export interface PartVersion {
  /** Its name. */
  readonly part: string;
  /** When it was created, as it says. Copies keep that. */
  readonly created_at: string;
}

/** One removal of files. */
export interface Removal {
  /** When it began, in ISO 8601. */
  readonly at: string;
  /** The rule of the policy. */
  readonly rule: string;
  /** The kinds of files that were removed; if missing, all but the manifest, pins and this record. */
  readonly kinds?: readonly OutputKind[];
  /** The parts as they were. A file that another version lists was uploaded later. */
  readonly parts: readonly PartVersion[];
  /** Removed files that no part lists, at most 10,000. */
  readonly unlisted?: readonly { readonly path: string; readonly size: number }[];
  /** When it ended, in ISO 8601. Missing: it is in progress, or was killed. */
  readonly finished_at?: string;
}

/** The record. */
export interface RemovedRecord {
  /** `run-outputs.removed/1` */
  readonly schema: "run-outputs.removed/1";
  /** The program. */
  readonly tool: string;
  /** The removals, the earliest first. */
  readonly removals: readonly Removal[];
}

const time = () => z.iso.datetime({ offset: true });

const schema = z.looseObject({
  schema: z.literal(REMOVED_SCHEMA),
  tool: z.string().min(1),
  removals: z.array(z.looseObject({
    at: time().meta({ description: "When it began." }),
    rule: z.string().meta({ description: "The rule of the policy." }),
    kinds: z.array(z.enum(OUTPUT_KINDS as readonly [OutputKind, ...OutputKind[]])).optional().meta({
      description: "The kinds of files; if missing, all but the manifest.",
    }),
    parts: z.array(z.object({ part: z.string(), created_at: z.string() })).meta({
      description: "The parts as they were: only files that these versions list are removed.",
    }),
    unlisted: z.array(z.object({ path: z.string().min(1), size: z.int().min(0) })).optional().meta({
      description: "Removed files that no part lists, at most 10,000.",
    }),
    finished_at: time().optional().meta({ description: "Missing: in progress, or killed." }),
  })),
});

/**
 * The JSON Schema of the record.
 *
 * @returns The schema, a value for `JSON.stringify`.
 */
export function removedJsonSchema(): Record<string, unknown> {
  const described = schema.meta({
    title: REMOVED_SCHEMA,
    description: "What retention has removed from a run, and why.",
  });
  return z.toJSONSchema(described) as Record<string, unknown>;
}

/**
 * Parses the record.
 *
 * @param text The text.
 * @param where Where it was read, for messages.
 * @returns The record.
 * @throws {RunOutputsError} `integrity`, if it is not one; `failed`, if its schema is newer.
 */
export function parseRemoved(text: string, where: string): RemovedRecord {
  return parseJson<RemovedRecord>(text, {
    id: REMOVED_SCHEMA,
    schema,
    broken: (reason, cause) =>
      new RunOutputsError(
        "integrity",
        `Cannot read the record of removed files '${where}': ${reason}`,
        { cause },
      ),
    newer: (found) =>
      `Cannot read the record of removed files '${where}': its schema is ${quote(found)}, this ` +
      `version reads ${REMOVED_SCHEMA}: use a newer run-outputs`,
  });
}

/**
 * Formats the record.
 *
 * @param record The record.
 * @returns JSON.
 */
export function formatRemoved(record: RemovedRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}

/**
 * The location of the record.
 *
 * @param root The run.
 * @returns `manifests/retention/removed.json`
 */
export function removedRecord(root: OutputPaths): OutputLocation {
  return root.retentionDir().join("removed.json");
}

/**
 * Whether a removal removes a file, by its path. A checksum file goes with its file.
 *
 * @param removal The removal.
 * @param path The path relative to the run's prefix.
 * @returns `false` for the outputs manifest, pins, the summary and this record.
 */
export function removesPath({ kinds }: Pick<Removal, "kinds">, path: string): boolean {
  const kind = classify(path.replace(/\.sha256sum$/, "") || path);
  if (kind === "outputs-manifest" || kind === "retention") return false;
  return kinds === undefined || kinds.includes(kind);
}

/**
 * Why a file does not exist, in words.
 *
 * @param removal Its removal.
 * @returns `removed by retention on 2026-11-30 (older than 90d)`
 */
export function describeRemoval({ at, rule }: Pick<Removal, "at" | "rule">): string {
  return `removed by retention on ${at.slice(0, 10)} (${rule})`;
}

/** The files that a record says were removed. */
export class RemovedFiles {
  /** The record. */
  readonly record: RemovedRecord;
  readonly #versions: ReadonlyMap<Removal, ReadonlySet<string>>;
  /** The removals of files that no part lists, by path. */
  readonly unlisted: ReadonlyMap<string, { readonly size: number; readonly removal: Removal }>;
  readonly #times: ReadonlyMap<string, string>;

  /**
   * Takes a record.
   *
   * @param record The record.
   * @param times When each part and marker that exists now was created, by name.
   */
  constructor(record: RemovedRecord, times: ReadonlyMap<string, string>) {
    this.record = record;
    this.#times = times;
    this.#versions = new Map(
      record.removals.map((removal) => [
        removal,
        new Set(removal.parts.map(({ part, created_at }) => `${part}\n${created_at}`)),
      ]),
    );
    this.unlisted = new Map(
      record.removals.flatMap((removal) =>
        (removal.unlisted ?? []).map(({ path, size }) => [path, { size, removal }] as const)
      ),
    );
  }

  /**
   * The removal of a file that does not exist.
   *
   * @param path Its path.
   * @param parts The parts and markers that list it.
   * @returns The removal; `undefined`, if none has removed it: another version of a part lists it.
   */
  of(path: string, parts: readonly string[]): Removal | undefined {
    return this.record.removals.find((removal) => this.covers(removal, path, parts));
  }

  /**
   * Whether a removal has removed a file, or is going to.
   *
   * @param removal The removal.
   * @param path The file's path.
   * @param parts The parts and markers that list it.
   * @returns `true`, if only versions list it that the removal knows.
   */
  covers(removal: Removal, path: string, parts: readonly string[]): boolean {
    const versions = this.#versions.get(removal)!;
    return removesPath(removal, path) &&
      parts.every((part) => versions.has(`${part}\n${this.#times.get(part)}`));
  }
}
