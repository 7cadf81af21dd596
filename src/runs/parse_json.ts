/**
 * Small JSON documents with a `schema`, such as lists and indexes, as they are read from storage or
 * an archive.
 *
 * @module
 */

import type { z } from "zod";
import { escapeUnprintable, RunOutputsError } from "../errors/error.ts";
import { shorten } from "../errors/network.ts";

/** How deeply values may be nested: what writes them again calls itself for each level. */
export const MAX_DEPTH = 100;

/** What a document has to be, and what is said of one that is not. */
export interface DocumentKind<T> {
  /** The `schema` that this version reads: a name, `/` and a number. */
  readonly id: string;
  /** What its members have to be. */
  readonly schema: z.ZodType<T>;
  /** Makes the error of one that is broken. */
  readonly broken: (reason: string, cause?: unknown) => RunOutputsError;
  /** The message for one that a newer version has written, whose `schema` it is told. */
  readonly newer: (found: unknown) => string;
}

/**
 * Reads a document.
 *
 * @param text The text.
 * @param kind What it has to be.
 * @returns The document, with the members that this version does not know.
 * @throws {RunOutputsError} What `broken` makes, or `failed`, if its schema is a newer one.
 */
export function parseJson<T>(text: string, { id, schema, broken, newer }: DocumentKind<T>): T {
  let value: { readonly schema?: unknown } | null;
  try {
    value = parseText(text) as typeof value;
  } catch (cause) {
    throw broken(notJson(cause), cause);
  }
  const found = value?.schema;
  if (typeof found === "string" && found !== id && isVersionOf(id, found)) {
    throw new RunOutputsError("failed", newer(found));
  }
  const { data, error } = schema.safeParse(value);
  if (error !== undefined) throw broken(reasonOf(error));
  return data;
}

/**
 * Reads JSON of others.
 *
 * @param text The text.
 * @returns The value.
 * @throws {SyntaxError} If it is not JSON, or nested more than {@linkcode MAX_DEPTH} times.
 */
export function parseText(text: string): unknown {
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/gs)) {
    if (token === "[" || token === "{") depth++;
    else if (token === "]" || token === "}") depth--;
    if (depth > MAX_DEPTH) throw new SyntaxError(`nested more than ${MAX_DEPTH} times`);
  }
  return JSON.parse(text);
}

/**
 * Says that a text is not JSON.
 *
 * @param error What the parser says, which may have some of the text in it.
 * @returns The reason, in one line.
 */
export function notJson(error: unknown): string {
  return `it is not JSON (${printable((error as Error).message)})`;
}

function printable(text: string): string {
  return escapeUnprintable(shorten(text, 200));
}

/**
 * Says what is wrong first.
 *
 * @param error What the schema says.
 * @param at Where the value stands in the document. Default: it is all of it.
 * @returns The member, and the reason.
 */
export function reasonOf(error: z.ZodError, at: readonly PropertyKey[] = []): string {
  const [issue] = error.issues;
  const member = [...at, ...issue.path].map(String).join(".");
  return printable(`${member === "" ? "it" : member}: ${issue.message}`);
}

/** Whether two schemas are of one name: versions are numbers from 1 on. */
function isVersionOf(id: string, found: string): boolean {
  const name = id.slice(0, id.lastIndexOf("/") + 1);
  return found.startsWith(name) && /^[1-9]\d{0,8}$/.test(found.slice(name.length));
}
