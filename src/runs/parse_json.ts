/**
 * Reads small JSON documents with a `schema`, such as lists and indexes, from storage or an
 * archive.
 *
 * @module
 */

import type { z } from "zod";
import { escapeUnprintable, RunOutputsError } from "../errors/error.ts";
import { shorten } from "../errors/network.ts";

/** The maximum nesting of values, because writing them recurses into each level. */
export const MAX_DEPTH = 100;

/** How to check a kind of document, and the errors for invalid ones. */
export interface DocumentKind<T> {
  /** The `schema` that this version reads: a name, `/` and a number. */
  readonly id: string;
  /** The schema of its members. */
  readonly schema: z.ZodType<T>;
  /** Creates the error of an invalid document. */
  readonly broken: (reason: string, cause?: unknown) => RunOutputsError;
  /** Creates the message for a document of a newer version, given its `schema`. */
  readonly newer: (found: unknown) => string;
}

/**
 * Reads a document.
 *
 * @param text The text.
 * @param kind The expected kind of document.
 * @returns The document, with unknown members.
 * @throws {RunOutputsError} The error of `broken`; `failed`, if the schema is newer.
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
 * Parses JSON from an untrusted source.
 *
 * @param text The text.
 * @returns The value.
 * @throws {SyntaxError} If it is not JSON, or nested more than {@linkcode MAX_DEPTH} times.
 */
export function parseText(text: string): unknown {
  if (isNestedDeeper(text)) throw new SyntaxError(`nested more than ${MAX_DEPTH} times`);
  return JSON.parse(text);
}

/** Whether values are nested too deeply; looks only at brackets, and skips strings. */
function isNestedDeeper(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MAX_DEPTH) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
  return false;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The index of the quote that ends a string; that of the text's end, if there is none. */
function endOfString(text: string, start: number): number {
  for (let end = start;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return text.length;
    let escapes = end;
    while (text.charCodeAt(escapes - 1) === BACKSLASH) escapes--;
    if ((end - escapes) % 2 === 0) return end;
  }
}

/**
 * Says why a text is not JSON.
 *
 * @param error The parser's error, which may quote some of the text.
 * @returns The reason, in one line.
 */
export function notJson(error: unknown): string {
  return `it is not JSON (${printable((error as Error).message)})`;
}

function printable(text: string): string {
  return escapeUnprintable(shorten(text, 200));
}

/**
 * Describes the first problem.
 *
 * @param error The error of the schema.
 * @param at Path of the value in the document. Default: the whole document.
 * @returns The member and the reason.
 */
export function reasonOf(error: z.ZodError, at: readonly PropertyKey[] = []): string {
  const [issue] = error.issues;
  const member = [...at, ...issue.path].map(String).join(".");
  return printable(`${member === "" ? "it" : member}: ${issue.message}`);
}

/** Whether two schemas differ only in their version, a number from 1. */
function isVersionOf(id: string, found: string): boolean {
  const name = id.slice(0, id.lastIndexOf("/") + 1);
  return found.startsWith(name) && /^[1-9]\d{0,8}$/.test(found.slice(name.length));
}
