/**
 * Reads a JSON object in pieces: member by member, and selected lists element by element. Returned
 * pieces are not kept, so that the longest element determines the memory, not the length of a list.
 *
 * @module
 */

import { MAX_DEPTH } from "./parse_json.ts";

/** A piece of the object: a member, the start of a streamed list, or one element of the list. */
export type JsonMember =
  | { readonly name: string; readonly value: unknown }
  | { readonly name: string; readonly begins: true }
  | { readonly name: string; readonly index: number; readonly element: unknown };

/** The maximum length of one value, in UTF-16 code units. */
const MAX_VALUE = 4 * 1024 * 1024;

const enum Char {
  Quote = 0x22,
  Comma = 0x2c,
  Colon = 0x3a,
  OpenList = 0x5b,
  Backslash = 0x5c,
  CloseList = 0x5d,
  OpenObject = 0x7b,
  CloseObject = 0x7d,
}

/** What must come next. */
type Expected =
  | "object"
  | "first name"
  | "name"
  | "colon"
  | "value"
  | "next member"
  | "first element"
  | "element"
  | "next element"
  | "end";

/** Reads one object. Throws `SyntaxError`. */
export class JsonMembers {
  readonly #streamed: readonly string[];
  /** Text that was received and is still needed. */
  #text = "";
  /** Index in it of the next character to read. */
  #at = 0;
  #expected: Expected = "object";
  #name = "";
  #index = 0;
  /** Where an unfinished value begins, or -1. */
  #start = -1;
  #depth = 0;
  #inString = false;

  /**
   * Creates a reader.
   *
   * @param streamed The members that are lists whose elements are returned one by one.
   */
  constructor(...streamed: readonly string[]) {
    this.#streamed = streamed;
  }

  /**
   * Reads a piece of text.
   *
   * @param text The next piece.
   * @returns What is complete now.
   * @throws {SyntaxError} If it can't be JSON, or a value is too long.
   */
  push(text: string): JsonMember[] {
    this.#text = this.#text.slice(this.#keepFrom()) + text;
    const found: JsonMember[] = [];
    while (this.#step(found));
    if (this.#text.length - this.#keepFrom(false) > MAX_VALUE) {
      throw new SyntaxError(`a value is longer than ${MAX_VALUE} characters`);
    }
    return found;
  }

  /**
   * Ends the text.
   *
   * @throws {SyntaxError} If the object is not complete.
   */
  end(): void {
    if (this.#expected !== "end") throw new SyntaxError("the text ends in the middle");
  }

  /** Drops text that is no longer needed, and adjusts the indexes. */
  #keepFrom(move = true): number {
    const from = this.#start >= 0 ? this.#start : this.#at;
    if (move) {
      this.#at -= from;
      if (this.#start >= 0) this.#start = 0;
    }
    return from;
  }

  /** Takes one step; returns `false` if it needs more text. */
  #step(found: JsonMember[]): boolean {
    if (this.#start >= 0) return this.#endValue(found);
    const text = this.#text;
    while (isSpace(text.charCodeAt(this.#at))) this.#at++;
    if (this.#at >= text.length) return false;
    const char = text.charCodeAt(this.#at);
    switch (this.#expected) {
      case "object":
        return this.#take(char === Char.OpenObject, "first name");
      case "first name":
        if (char === Char.CloseObject) return this.#take(true, "end");
        return this.#begin(char === Char.Quote, "name");
      case "name":
        return this.#begin(char === Char.Quote, "name");
      case "colon":
        return this.#take(char === Char.Colon, "value");
      case "value":
        if (char === Char.OpenList && this.#streamed.includes(this.#name)) {
          this.#index = 0;
          found.push({ name: this.#name, begins: true });
          return this.#take(true, "first element");
        }
        return this.#begin(true, "value");
      case "next member":
        if (char === Char.CloseObject) return this.#take(true, "end");
        return this.#take(char === Char.Comma, "name");
      case "first element":
        if (char === Char.CloseList) return this.#take(true, "next member");
        return this.#begin(true, "element");
      case "element":
        return this.#begin(true, "element");
      case "next element":
        if (char === Char.CloseList) return this.#take(true, "next member");
        return this.#take(char === Char.Comma, "element");
      case "end":
        throw unexpected(text, this.#at);
    }
  }

  #take(right: boolean, next: Expected): boolean {
    if (!right) throw unexpected(this.#text, this.#at);
    this.#at++;
    this.#expected = next;
    return true;
  }

  #begin(right: boolean, expected: Expected): boolean {
    if (!right) throw unexpected(this.#text, this.#at);
    this.#expected = expected;
    this.#start = this.#at;
    this.#depth = 0;
    this.#inString = false;
    return true;
  }

  /** Searches for the end of the current value. */
  #endValue(found: JsonMember[]): boolean {
    const text = this.#text;
    let at = this.#at;
    for (; at < text.length; at++) {
      const char = text.charCodeAt(at);
      if (this.#inString) {
        if (char === Char.Backslash) {
          if (at + 1 === text.length) break;
          at++;
        } else if (char === Char.Quote) {
          this.#inString = false;
          if (this.#depth === 0) return this.#finish(at + 1, found);
        }
      } else if (char === Char.Quote) this.#inString = true;
      else if (char === Char.OpenObject || char === Char.OpenList) {
        if (++this.#depth > MAX_DEPTH) throw new SyntaxError(`nested more than ${MAX_DEPTH} times`);
      } else if (char === Char.CloseObject || char === Char.CloseList) {
        // A number or a word ends where something else follows.
        if (this.#depth === 0) return this.#finish(at, found);
        if (--this.#depth === 0) return this.#finish(at + 1, found);
      } else if (this.#depth === 0 && (char === Char.Comma || isSpace(char))) {
        return this.#finish(at, found);
      }
    }
    this.#at = at;
    return false;
  }

  #finish(end: number, found: JsonMember[]): boolean {
    const value: unknown = JSON.parse(this.#text.slice(this.#start, end));
    this.#start = -1;
    this.#at = end;
    if (this.#expected === "name") {
      this.#name = value as string;
      this.#expected = "colon";
    } else if (this.#expected === "value") {
      found.push({ name: this.#name, value });
      this.#expected = "next member";
    } else {
      found.push({ name: this.#name, index: this.#index++, element: value });
      this.#expected = "next element";
    }
    return true;
  }
}

function isSpace(char: number): boolean {
  return char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09;
}

function unexpected(text: string, at: number): SyntaxError {
  return new SyntaxError(`unexpected ${JSON.stringify(text.slice(at, at + 1))}`);
}
