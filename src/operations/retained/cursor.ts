/**
 * Cursors: where the next page of a list begins.
 *
 * A cursor names the last run or file of the page before, so that what comes or goes meanwhile is
 * neither repeated nor skipped. It is bound to the filters.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { invalid } from "../../errors/error.ts";

/**
 * Formats a cursor.
 *
 * @param after The key of the last run of this page, the path of the last file, or a place in a file.
 * @param filters The filters.
 * @returns A text for URLs.
 */
export function formatCursor(after: string, filters: object): string {
  const text = JSON.stringify({ v: 1, after, filters: hashOf(filters) });
  // Uint8Array's own toBase64() is newer than the runtime of the executable may be.
  return Buffer.from(text).toString("base64url");
}

/**
 * Parses a cursor.
 *
 * @param field The option or parameter, for messages.
 * @param cursor The cursor.
 * @param filters The filters of the request that it came with.
 * @param parse Parses what the cursor was made of; returns `undefined` if it can't be that.
 * @returns The last one of the page before.
 * @throws {RunOutputsError} `invalid`, if it is not one, or belongs to other filters.
 */
export function parseCursor<T>(
  field: string,
  cursor: string,
  filters: object,
  parse: (after: string) => T | undefined,
): T {
  let value: { v?: unknown; after?: unknown; filters?: unknown } | null = null;
  try {
    const bytes = Buffer.from(cursor, "base64url");
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // Reported below.
  }
  const after = typeof value?.after === "string" ? parse(value.after) : undefined;
  if (value?.v !== 1 || after === undefined) {
    throw invalid(field, cursor, "the 'next' of an earlier page");
  }
  if (value.filters !== hashOf(filters)) {
    throw invalid(field, cursor, "the 'next' of an earlier page with the same filters");
  }
  return after;
}

function hashOf(filters: object): string {
  const given = Object.entries(filters).filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => a < b ? -1 : 1);
  return createHash("sha256").update(JSON.stringify(given)).digest("hex").slice(0, 16);
}
