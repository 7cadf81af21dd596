/**
 * Reads a manifest part as a stream, so that its length does not matter.
 *
 * @module
 */

import { compareKeys } from "../layout/compare_keys.ts";
import { quote, RunOutputsError } from "../errors/error.ts";
import { JsonMembers } from "./json_members.ts";
import { notJson } from "./parse_json.ts";
import {
  broken,
  checkFile,
  checkHead,
  checkSchema,
  type ManifestHead,
  type OutputFile,
  twice,
} from "./manifest.ts";

/** Members that can be long lists: the pages of a part, the pending files of a marker. */
const LISTS = ["pages", "pending", "unlisted"];

/** Reads one part, piece by piece. */
export class PartReader {
  readonly #name: string;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #members = new JsonMembers("files", ...LISTS);
  readonly #head: Record<string, unknown> = {};
  #hasFiles = false;
  #isSorted = true;
  #last?: string;
  #count = 0;
  /** The error of an invalid file, until the schema is known. */
  #wrong?: Error;

  /**
   * Creates a reader.
   *
   * @param name Location of the part, for messages.
   */
  constructor(name: string) {
    this.#name = name;
  }

  /** Whether the files so far are sorted by path. */
  get isSorted(): boolean {
    return this.#isSorted;
  }

  /** The number of files so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Reads a piece of the part.
   *
   * @param chunk The next bytes.
   * @returns The files that are complete now.
   * @throws {RunOutputsError} `integrity` or `failed`, as `parsePart`. A file that is listed twice
   * is noticed only in a sorted part.
   */
  push(chunk: Uint8Array): OutputFile[] {
    return this.#read((decoder) => decoder.decode(chunk, { stream: true }));
  }

  /**
   * Ends the part.
   *
   * @returns All members but the files.
   * @throws {RunOutputsError} `integrity` or `failed`, if it is not a valid part.
   */
  end(): ManifestHead {
    this.#read((decoder) => decoder.decode());
    this.#parse(() => this.#members.end());
    const head = checkHead(this.#head, this.#name);
    if (this.#wrong !== undefined) throw this.#wrong;
    if (!this.#hasFiles) throw broken(this.#name, "files is not a list");
    return head;
  }

  #read(decode: (decoder: TextDecoder) => string): OutputFile[] {
    const files: OutputFile[] = [];
    for (const member of this.#parse(() => this.#members.push(decode(this.#decoder)))) {
      if ("begins" in member) {
        if (member.name !== "files") this.#add(member.name, []);
        else if (this.#hasFiles) throw broken(this.#name, "it has files twice");
        else this.#hasFiles = true;
      } else if ("index" in member && member.name !== "files") {
        (this.#head[member.name] as unknown[]).push(member.element);
      } else if ("index" in member) {
        const file = this.#checkFile(member.element, member.index);
        if (file !== undefined) files.push(file);
      } else if (member.name === "files") {
        throw broken(this.#name, "files is not a list");
      } else {
        this.#add(member.name, member.value);
        if (member.name === "schema") checkSchema(member.value, this.#name);
      }
    }
    return files;
  }

  /** Adds a member other than the files. */
  #add(name: string, value: unknown): void {
    if (Object.hasOwn(this.#head, name)) throw broken(this.#name, `it has ${quote(name)} twice`);
    Object.defineProperty(this.#head, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }

  #checkFile(value: unknown, index: number): OutputFile | undefined {
    try {
      const file = checkFile(value, index, this.#name);
      const order = this.#last === undefined ? -1 : compareKeys(this.#last, file.path);
      if (order === 0) throw twice(file.path, this.#name);
      if (order > 0) this.#isSorted = false;
      this.#last = file.path;
      this.#count++;
      return file;
    } catch (error) {
      if (Object.hasOwn(this.#head, "schema")) throw error;
      this.#wrong ??= error as Error;
      return undefined;
    }
  }

  #parse<T>(parse: () => T): T {
    try {
      return parse();
    } catch (error) {
      if (error instanceof RunOutputsError) throw error;
      throw broken(this.#name, notJson(error), error);
    }
  }
}
