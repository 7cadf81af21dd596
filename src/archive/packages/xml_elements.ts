/**
 * Reads the elements of an XML document as unchanged text, to copy them into another document.
 *
 * @module
 */

import { SaxesParser } from "saxes";
import { BadArchive } from "../tar/bad_archive.ts";

/** An element directly below the root. */
export interface XmlElement {
  /** Its name. */
  readonly name: string;
  /** Its attributes. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Its text, including tags. */
  readonly raw: string;
}

/**
 * The elements directly below the root.
 *
 * @param text The document.
 * @param what Its name, for messages.
 * @returns The elements.
 * @throws {BadArchive} If it is not well-formed.
 */
export function topElements(text: string, what: string): XmlElement[] {
  const found: XmlElement[] = [];
  let depth = 0;
  let start = 0;
  let top: { readonly name: string; readonly attributes: Record<string, string> } | undefined;
  const parser = parserOf(what);
  parser.on("opentagstart", ({ name }) => {
    // The parser is after the character that ends the name.
    if (depth === 1) start = text.lastIndexOf(`<${name}`, parser.position - 1);
  });
  parser.on("opentag", ({ name, attributes }) => {
    if (depth === 1) top = { name, attributes };
    depth++;
  });
  parser.on("closetag", () => {
    depth--;
    if (depth === 1) found.push({ ...top!, raw: text.slice(start, parser.position) });
  });
  parser.write(text).close();
  return found;
}

/**
 * The root element of a document.
 *
 * @param text The document.
 * @param what Its name, for messages.
 * @returns Its name and attributes.
 * @throws {BadArchive} If it is not well-formed.
 */
export function rootAttributes(text: string, what: string): Omit<XmlElement, "raw"> {
  let root: Omit<XmlElement, "raw"> | undefined;
  const parser = parserOf(what);
  parser.on("opentag", ({ name, attributes }) => root ??= { name, attributes });
  parser.write(text).close();
  if (root === undefined) throw new BadArchive(`${what} is empty`);
  return root;
}

/** A child of an element. */
interface Child {
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * The children of an element, by name; the first of equal names.
 *
 * @param raw The element's text.
 * @returns The children.
 */
export function childTexts(raw: string): Readonly<Record<string, Child | undefined>> {
  const children: Record<string, Child | undefined> = {};
  const parser = parserOf("an element");
  let depth = 0;
  let text = "";
  let attributes: Record<string, string> = {};
  parser.on("opentag", (tag) => {
    if (depth === 1) {
      attributes = tag.attributes;
      text = "";
    }
    depth++;
  });
  parser.on("text", (more) => text += more);
  parser.on("closetag", ({ name }) => {
    depth--;
    if (depth === 1) children[name] ??= { attributes, text };
  });
  parser.write(raw).close();
  return children;
}

/** Namespaces are not resolved: elements are copied with their prefixes. */
function parserOf(what: string) {
  const parser = new SaxesParser({ xmlns: false });
  parser.on("error", ({ message }) => {
    throw new BadArchive(`${what} is not well-formed XML: ${message}`);
  });
  return parser;
}
