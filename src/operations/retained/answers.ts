/**
 * The types of the JSON documents about retained runs; `schemas.ts` describes the same documents for
 * other programs.
 *
 * @module
 */

import type { RunFacts } from "../../runs/retention/summary.ts";
import type { LogMatch, SkippedFile } from "../logs/search_files.ts";
import type { LogRow } from "../logs/rows.ts";
import type { RetainedRun } from "./describe.ts";
import type { RunPin } from "./pins.ts";
import type { SkippedRun } from "./scan.ts";

/** A page of runs. */
export interface RunList {
  /** `run-outputs.retained-runs/1` */
  readonly schema: "run-outputs.retained-runs/1";
  /** The runs, the newest first, with the number of their reports. */
  readonly runs: readonly (Omit<RetainedRun, "reports"> & { readonly reports: number })[];
  /** The cursor of the next page, if there may be one. */
  readonly next?: string;
  /** How many runs were looked into. */
  readonly scanned: number;
  /** How many seconds ago the names of the runs were listed, if not now. */
  readonly age?: number;
}

/** One run. */
export interface RunDetails extends RetainedRun {
  /** `run-outputs.retained-run/1` */
  readonly schema: "run-outputs.retained-run/1";
}

/** The latest run. */
export interface LatestDetails extends RunDetails {
  /** Newer runs that match the filters and are not eligible. */
  readonly passed_over: readonly SkippedRun[];
  /** How many seconds ago the names of the runs were listed, if not now. */
  readonly age?: number;
}

/** The reports of a run. */
export interface RunReports {
  /** `run-outputs.reports/1` */
  readonly schema: "run-outputs.reports/1";
  /** The run's key. */
  readonly key: string;
  /** The reports, in the order of their paths. */
  readonly reports: readonly {
    /** The path relative to the run's prefix. */
    readonly path: string;
    /** A title, from the path. */
    readonly title: string;
    /** The size in bytes. */
    readonly size: number;
    /** A URL relative to this document. */
    readonly href: string;
  }[];
}

/** A page of the files of a run. */
export interface RunFiles {
  /** `run-outputs.files/1` */
  readonly schema: "run-outputs.files/1";
  /** The run's key. */
  readonly key: string;
  /** The files, in the order of their paths. */
  readonly files: readonly {
    /** The path relative to the run's prefix. */
    readonly path: string;
    /** What it is. */
    readonly kind: string;
    /** The size in bytes. */
    readonly size: number;
    /** The SHA-256, 64 hex digits, if the storage or a current entry of the manifest has it. */
    readonly sha256?: string;
    /** When it was last written, in ISO 8601. */
    readonly modified: string;
    /** A URL relative to this document. */
    readonly href: string;
  }[];
  /** The cursor of the next page, if there is one. */
  readonly next?: string;
}

/** The outputs manifest of a run, merged from its parts. */
export interface RunManifestDetails {
  /** `run-outputs.artifact-manifest/1` */
  readonly schema: "run-outputs.artifact-manifest/1";
  /** The run's key. */
  readonly key: string;
  /** Whether the run has a manifest. */
  readonly artifact_manifest: RunFacts["artifact_manifest"];
  /** The parts, in the order of their names. */
  readonly parts: readonly {
    /** The part's name. */
    readonly part: string;
    /** The number of its files. */
    readonly files: number;
    /** The run that wrote it: another one, if it was copied. */
    readonly run_id: string;
    /** The attempt that wrote it. */
    readonly run_attempt?: number;
    /** When it was written. */
    readonly created_at: string;
  }[];
  /** The parts that a complete run has, if known. */
  readonly expected?: readonly string[];
  /** The expected or marked parts that do not exist. */
  readonly missing_parts?: readonly string[];
  /** The files, in the order of their paths; read while they are used. */
  readonly files: AsyncIterable<ManifestFile>;
}

/** A file in the outputs manifest of a run. */
export interface ManifestFile {
  /** The path relative to the run's prefix. */
  readonly path: string;
  /** What it is. */
  readonly kind: string;
  /** The size in bytes. */
  readonly size: number;
  /** The SHA-256, 64 hex digits. */
  readonly sha256: string;
  /** The content type. */
  readonly content_type: string;
  /** The parts that list it so, the latest first. */
  readonly parts: readonly string[];
  /** Earlier parts that list it with different content. */
  readonly conflicts?: readonly string[];
  /** Set if the file does not exist, because retention has removed it. */
  readonly removed?: {
    /** When, in ISO 8601. */
    readonly at: string;
    /** The rule of the policy. */
    readonly rule: string;
  };
}

/** The pins of a run. */
export interface RunPins {
  /** `run-outputs.pins/1` */
  readonly schema: "run-outputs.pins/1";
  /** The run's key. */
  readonly key: string;
  /** The pins, in the order of their names. */
  readonly pins: readonly RunPin[];
}

/** Lines of a file of a run. */
export interface RunLines {
  /** `run-outputs.lines/1` */
  readonly schema: "run-outputs.lines/1";
  /** The run's key. */
  readonly key: string;
  /** The file's path relative to the run's prefix. */
  readonly path: string;
  /** The file's size in bytes. */
  readonly size: number;
  /** An opaque identifier of the version that was read. */
  readonly etag: string;
  /** The offset of the first row: the rows before it end here. */
  readonly start: number;
  /** The offset after the last row, where the next rows begin; the size, at the end of the file. */
  readonly end: number;
  /** The rows. They follow each other without a gap from `start` to `end`. */
  readonly rows: readonly LogRow[];
}

/** What a search in logs has found. */
export interface RunSearch {
  /** `run-outputs.search/1` */
  readonly schema: "run-outputs.search/1";
  /** The run's key. */
  readonly key: string;
  /** The version of the file, in a search of one file. */
  readonly etag?: string;
  /** The matching lines, in the order of their files' paths; the last one first, if backwards. */
  readonly matches: readonly LogMatch[];
  /** The cursor of the next page, if there can be more. */
  readonly next?: string;
  /** How many files were searched for this page, at least in part. */
  readonly files: number;
  /** How many bytes were searched for this page. */
  readonly bytes: number;
  /** The files that were not searched, or not to their end. */
  readonly skipped: readonly SkippedFile[];
}
