/**
 * The XML of S3's answers. Pure.
 *
 * @module
 */

/** Its content type. */
export const XML_TYPE = "application/xml";

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#x9;",
  "\n": "&#xA;",
  "\r": "&#xD;",
};

/**
 * An element with a text.
 *
 * @param name Its name.
 * @param text Its text. Characters that XML cannot hold become `U+FFFD`; clients that may meet them
 * request URL-encoded names.
 * @returns The element.
 */
export function element(name: string, text: string): string {
  const escaped = text
    // deno-lint-ignore no-control-regex -- XML 1.0 has no way to write them
    .replace(/[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"\t\n\r]/g, (c) => ENTITIES[c]);
  return `<${name}>${escaped}</${name}>`;
}

/**
 * An element with elements.
 *
 * @param name Its name.
 * @param children The elements.
 * @returns The element.
 */
export function group(name: string, children: readonly string[]): string {
  return `<${name}>${children.join("")}</${name}>`;
}

/**
 * A document.
 *
 * @param root The name of its root. All but `Error` are in S3's namespace.
 * @param children The elements in it.
 * @returns The document.
 */
export function xmlDocument(root: string, children: readonly string[]): string {
  const start = root === "Error" ? "<Error>" : `<${root} xmlns="${NAMESPACE}">`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n${start}${children.join("")}</${root}>`;
}
