/**
 * Small JSON documents with a `schema`, such as lists and indexes, as they are read from storage or
 * an archive.
 *
 * @module
 */

import type { z } from "zod";
import { RunOutputsError } from "../errors/error.ts";

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
    value = JSON.parse(text);
  } catch (cause) {
    throw broken(`it is not JSON (${(cause as Error).message})`, cause);
  }
  const found = value?.schema;
  if (found !== id && isVersionOf(id, `${found}`)) {
    throw new RunOutputsError("failed", newer(found));
  }
  const { data, error } = schema.safeParse(value);
  if (error !== undefined) throw broken(reasonOf(error));
  return data;
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
  return `${member === "" ? "it" : member}: ${issue.message}`;
}

/** Whether two schemas are of one name: versions are numbers from 1 on. */
function isVersionOf(id: string, found: string): boolean {
  const name = id.slice(0, id.lastIndexOf("/") + 1);
  return found.startsWith(name) && /^[1-9]\d{0,8}$/.test(found.slice(name.length));
}
