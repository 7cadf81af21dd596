/**
 * The JSON documents about retained runs.
 *
 * @module
 */

import { z } from "zod";
import { OUTPUT_KINDS } from "../../layout/classify.ts";
import { summaryShape } from "../../runs/retention/summary.ts";

const pin = z.object({
  name: z.string(),
  reason: z.string().optional(),
  by: z.string().optional(),
  created_at: z.string().optional(),
  until: z.string().optional(),
  in_force: z.boolean(),
  unreadable: z.string().optional().meta({ description: "Why it can't be read." }),
});

/** All members of a run. */
export const runShape = {
  key: z.string().meta({ description: "[OWNER-REPO~]RUN_ID-PLATFORM" }),
  run_id: z.string(),
  platform: z.enum(["linux", "windows"]),
  external_repo: z.string().meta({ description: "Empty, or OWNER-REPO/." }),
  ...summaryShape,
  deleting: z.object({ since: z.iso.datetime() }).optional().meta({
    description: "The run is being deleted: 'runs prune' has begun, and may have been killed.",
  }),
  pins: z.array(pin),
  summary: z.object({
    status: z.enum(["current", "absent", "stale", "broken"]),
    reason: z.string().optional(),
  }).meta({ description: "Whether the stored summary was used." }),
  unreadable: z.string().optional().meta({
    description: "Why nothing is known of the run but its name: it can't be read.",
  }),
};

/** A run in a list: with the number of its reports. */
const row = z.object({
  ...runShape,
  reports: z.int().meta({ description: "The number of reports, at most 200." }),
});

/** The age of the names of the runs. */
const age = () =>
  z.number().min(0).optional().meta({
    description: "How many seconds ago the names of the runs were listed, if not now.",
  });

/** The answer to `list`. */
export const listAnswer = z.object({
  schema: z.literal("run-outputs.retained-runs/1"),
  runs: z.array(row),
  next: z.string().optional().meta({ description: "The cursor of the next page." }),
  scanned: z.int().meta({ description: "How many runs were looked into." }),
  age: age(),
});

/** The answer to `show`. */
export const showAnswer = z.object({
  schema: z.literal("run-outputs.retained-run/1"),
  ...runShape,
});

/** The answer to `latest`. */
export const latestAnswer = z.object({
  ...showAnswer.shape,
  passed_over: z.array(z.object({ key: z.string(), reason: z.string() })).meta({
    description: "Newer runs that match the filters and are not eligible.",
  }),
  age: age(),
});

/** The answer to `reports`. */
export const reportsAnswer = z.object({
  schema: z.literal("run-outputs.reports/1"),
  key: z.string(),
  reports: z.array(z.object({
    path: z.string(),
    title: z.string(),
    size: z.int(),
    href: z.string().meta({ description: "Relative to this document." }),
  })),
});

/** The answer to `files`. */
export const filesAnswer = z.object({
  schema: z.literal("run-outputs.files/1"),
  key: z.string(),
  files: z.array(z.object({
    path: z.string(),
    kind: z.enum(OUTPUT_KINDS as readonly [string, ...string[]]),
    size: z.int(),
    sha256: z.string().optional().meta({
      description: "Its SHA-256, if the storage or a current entry of the manifest has it.",
    }),
    modified: z.iso.datetime(),
    href: z.string().meta({ description: "Relative to this document." }),
  })),
  next: z.string().optional().meta({ description: "The cursor of the next page." }),
});

/** The answer to `manifest`. */
export const manifestAnswer = z.object({
  schema: z.literal("run-outputs.artifact-manifest/1"),
  key: z.string(),
  artifact_manifest: summaryShape.artifact_manifest,
  parts: z.array(z.object({
    part: z.string(),
    files: z.int(),
    run_id: z.string(),
    run_attempt: z.int().optional(),
    created_at: z.string(),
  })),
  expected: z.array(z.string()).optional(),
  missing_parts: z.array(z.string()).optional(),
  files: z.array(z.object({
    path: z.string(),
    kind: z.string(),
    size: z.int(),
    sha256: z.string(),
    content_type: z.string(),
    parts: z.array(z.string()),
    conflicts: z.array(z.string()).optional().meta({
      description: "Earlier parts that list it with different content.",
    }),
    removed: z.object({ at: z.string(), rule: z.string() }).optional().meta({
      description: "Set if the file does not exist, because retention has removed it.",
    }),
  })),
});

/** The answer to `pin` and `unpin`. */
export const pinsAnswer = z.object({
  schema: z.literal("run-outputs.pins/1"),
  key: z.string(),
  pins: z.array(pin),
});

/** The answer to `lines`. */
export const linesAnswer = z.object({
  schema: z.literal("run-outputs.lines/1"),
  key: z.string(),
  path: z.string(),
  size: z.int().meta({ description: "The size of the file in bytes." }),
  etag: z.string().meta({ description: "The version that was read." }),
  start: z.int().meta({ description: "The offset of the first row in bytes." }),
  end: z.int().meta({ description: "The offset after the last row, where the next ones begin." }),
  rows: z.array(z.object({
    at: z.int().meta({ description: "The offset of the row in bytes." }),
    line: z.int().optional().meta({ description: "The number of its line, if it is known." }),
    text: z.string(),
    continued: z.literal(true).optional().meta({
      description: "The row begins inside a line that is longer than a row.",
    }),
    continues_at: z.int().optional().meta({
      description: "The row ends inside a line: the offset of the rest.",
    }),
  })),
});

/** The answer to `search`. */
export const searchAnswer = z.object({
  schema: z.literal("run-outputs.search/1"),
  key: z.string(),
  etag: z.string().optional().meta({ description: "The version of the file, in one file." }),
  matches: z.array(z.object({
    path: z.string(),
    at: z.int().meta({
      description: "The offset of the line in bytes; in a line of more than 64 KiB, of a piece.",
    }),
    line: z.int().optional().meta({ description: "The number of the line, if it is known." }),
    text: z.string().meta({
      description: "The line without escape sequences; at most 500 characters around the match.",
    }),
    ranges: z.array(z.tuple([z.int(), z.int()])).meta({
      description: "The first few matches in the text, in UTF-16 code units: start and end.",
    }),
    cut: z.literal(true).optional().meta({ description: "The text is a part of the line." }),
  })),
  next: z.string().optional().meta({ description: "The cursor of the next page." }),
  files: z.int().meta({ description: "How many files were searched." }),
  bytes: z.int().meta({ description: "How many bytes were searched." }),
  skipped: z.array(z.object({
    path: z.string(),
    reason: z.string(),
    failed: z.literal(true).optional().meta({ description: "It should have been searched." }),
  })),
});

/** Parameters that decide between runs with the same id. */
export const choiceParams = {
  platform: z.enum(["linux", "windows"]).optional(),
  repo: z.string().regex(/^[^/]+\/[^/]+$/, "expected OWNER/NAME").optional(),
};

/** The run that a request is about. */
export const runParams = {
  run: z.string().min(1).meta({ description: "A run's key, or its id." }),
  ...choiceParams,
};

/** Parameters that choose runs. */
export const filterParams = {
  ...choiceParams,
  group: z.string().min(1).optional(),
  workflow: z.string().min(1).optional(),
};

/** A kind of files. */
export const kindParam = z.enum(OUTPUT_KINDS as readonly [string, ...string[]]);

/** A yes or no; a service has it as a text. */
export const flagParam = z.union([z.boolean(), z.stringbool()]);

/** Whether a run is complete. */
export const completenessParam = z.enum(["complete", "incomplete", "unproven"]);

/** Parameters that choose runs by whatever is known of them. */
export const searchParams = {
  ...filterParams,
  commit: z.string().regex(/^[0-9a-fA-F]{4,64}$/, "expected 4 or more hex digits").optional(),
  since: z.string().optional(),
  until: z.string().optional(),
  completeness: completenessParam.optional(),
  pinned: flagParam.optional(),
  q: z.string().min(1).optional(),
};
