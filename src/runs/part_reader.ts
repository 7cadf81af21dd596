/**
 * The reading of an outputs manifest's part as a stream, for parts of any length.
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

/** Members that are lists and can be long: of a part its pages, of a mark what is still to come. */
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
  /** What is wrong with a file, while it is not known which schema says so. */
  #wrong?: Error;

  /**
   * Creates a reader.
   *
   * @param name Where the part is, for messages.
   */
  constructor(name: string) {
    this.#name = name;
  }

  /** Whether the files so far are in the order of their paths. */
  get isSorted(): boolean {
    return this.#isSorted;
  }

  /** How many files there have been. */
  get count(): number {
    return this.#count;
  }

  /**
   * Reads on.
   *
   * @param chunk The next bytes.
   * @returns The files that are complete now.
   * @throws {RunOutputsError} `integrity` or `failed`, as `parsePart`. Of a file that is named twice
   * it is noticed only in a part whose files are in order.
   */
  push(chunk: Uint8Array): OutputFile[] {
    return this.#read((decoder) => decoder.decode(chunk, { stream: true }));
  }

  /**
   * Ends the reading.
   *
   * @returns All but the files.
   * @throws {RunOutputsError} `integrity` or `failed`, if the part is none.
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

  /** Adds a member that is no file. */
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
