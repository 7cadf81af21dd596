/**
 * The text format of Debian's control files: paragraphs of fields; a continuation line begins with
 * a blank.
 *
 * @module
 */

import { quote } from "../../errors/error.ts";
import { BadArchive } from "../tar/bad_archive.ts";

/** The fields of a paragraph, by unchanged name; a value can have several lines. */
export type Stanza = ReadonlyMap<string, string>;

/**
 * Parses a text of one or several paragraphs.
 *
 * @param text The text.
 * @param what Its name in messages, such as `its control file`.
 * @returns The paragraphs in order.
 * @throws {BadArchive} If a line is neither a field nor a continuation, or a field is repeated.
 */
export function parseStanzas(text: string, what: string): Stanza[] {
  const stanzas: Stanza[] = [];
  let fields = new Map<string, string>();
  let names = new Set<string>();
  let last: string | undefined;
  const end = () => {
    if (fields.size > 0) stanzas.push(fields);
    fields = new Map();
    names = new Set();
    last = undefined;
  };
  for (const [i, line] of text.replaceAll("\r\n", "\n").split("\n").entries()) {
    if (/^[ \t]*$/.test(line)) {
      end();
      continue;
    }
    if (/^[ \t]/.test(line)) {
      if (last === undefined) throw bad(what, i, line);
      fields.set(last, `${fields.get(last)}\n${line}`);
      continue;
    }
    const match = /^([!-,.-9;-~][!-9;-~]*):(.*)$/.exec(line);
    if (match === null || names.has(match[1].toLowerCase())) throw bad(what, i, line);
    last = match[1];
    names.add(last.toLowerCase());
    fields.set(last, match[2].trim());
  }
  end();
  return stanzas;
}

/**
 * The text of a paragraph.
 *
 * @param stanza The fields.
 * @returns Lines with line breaks, also after the last.
 */
export function formatStanza(stanza: Iterable<readonly [string, string]>): string {
  let text = "";
  for (const [name, value] of stanza) {
    text += value === "" || value.startsWith("\n") ? `${name}:${value}\n` : `${name}: ${value}\n`;
  }
  return text;
}

function bad(what: string, index: number, line: string): BadArchive {
  return new BadArchive(`${what} is broken at line ${index + 1}: ${quote(line)}`);
}
