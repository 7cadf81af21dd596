/**
 * Reads the XML documents of S3's responses, and writes those of requests.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { parseXML } from "@aws-sdk/xml-builder";
import { textOf } from "./body_text.ts";
import { failureOf, S3Failure } from "./errors.ts";
import type { S3Request, S3Response } from "./request.ts";

/**
 * Reads a response with status 2xx.
 *
 * @param answer The response.
 * @param when Whether it has a document: `optional`, if it may be empty; `never`, if nobody reads it.
 * @returns The text of its body.
 * @throws {S3Failure} If it is an error, or no complete document of S3.
 */
export async function xmlOf(
  answer: S3Response,
  when: "always" | "optional" | "never" = "always",
): Promise<string> {
  const { response } = answer;
  const text = await textOf(answer);
  // S3 can begin a long response with status 200 and end it with an error.
  if (/^\s*(?:<\?xml[^>]*>\s*)?<Error[\s>]/.test(text)) {
    const { s3Code, message } = await failureOf(response, text);
    throw new S3Failure(500, s3Code, message);
  }
  if (when === "always" || (when === "optional" && text.trim() !== "")) checkXml(response, text);
  return text;
}

/** Rejects responses that are not complete S3 XML: an HTML page would parse as an empty list. */
function checkXml(response: Response, text: string): void {
  const root = /^\s*(?:<\?xml[^>]*>\s*)?<(\w+)[\s>/]/.exec(text)?.[1];
  const isS3 = root !== undefined && /^[A-Z]\w*(?:Result|Configuration|Output)$/.test(root);
  if (
    isS3 && new RegExp(`(?:</${root}>|^[^<]*(?:<\\?[^>]*>\\s*)?<${root}[^>]*/>)\\s*$`).test(text)
  ) {
    return;
  }
  throw new S3Failure(response.status, "", isS3 ? "truncated XML" : "not XML");
}

/**
 * A document as the body of a request.
 *
 * @param text The document.
 * @param headers Other headers of the request.
 * @returns The body, its hash, and the headers.
 */
export function xmlBody(
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Pick<S3Request, "body" | "payloadSha256" | "headers"> {
  return {
    body: new TextEncoder().encode(text),
    payloadSha256: createHash("sha256").update(text).digest("hex"),
    headers: { "content-type": "application/xml", ...headers },
  };
}

/**
 * An element of a request's document that has only a text.
 *
 * @param name Its name.
 * @param text The text. Line ends are escaped too, because parsers change them.
 * @returns The element.
 */
export function textElement(name: string, text: string): string {
  const escaped = text.replace(
    /[&<>"\r\n\x85\u2028]/g,
    (c) => ENTITIES[c] ?? `&#${c.charCodeAt(0)};`,
  );
  return `<${name}>${escaped}</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** An element of a document. */
export class XmlElement {
  readonly #children: Readonly<Record<string, unknown>>;

  private constructor(value: unknown) {
    // Without children and attributes it is a text.
    this.#children = typeof value === "object" ? value as Record<string, unknown> : {};
  }

  /**
   * Parses a document.
   *
   * @param text The document.
   * @returns Its root.
   * @throws {S3Failure} If the parser can't read it, whatever that throws.
   */
  static parse(text: string): XmlElement {
    try {
      return new XmlElement(Object.values(parseXML(text))[0]);
    } catch {
      throw unreadable();
    }
  }

  /**
   * The children with a name.
   *
   * @param name The name.
   * @returns The elements, in their order.
   */
  all(name: string): XmlElement[] {
    if (!Object.hasOwn(this.#children, name)) return [];
    return [this.#children[name]].flat().map((value) => new XmlElement(value));
  }

  /**
   * The text of a child.
   *
   * @param name Its name.
   * @returns The text; `undefined`, if there is no such child.
   * @throws {S3Failure} If it has more than a text, or there are several.
   */
  text(name: string): string | undefined {
    if (!Object.hasOwn(this.#children, name)) return undefined;
    const value = this.#children[name];
    if (typeof value === "string") return value;
    throw unreadable();
  }

  /**
   * The date in a child.
   *
   * @param name Its name.
   * @returns The date; `undefined`, if there is no such child.
   * @throws {S3Failure} If it is not written as in RFC 3339.
   */
  date(name: string): Date | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const isDate = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i.test(text);
    const date = new Date(isDate ? text : NaN);
    if (Number.isNaN(date.getTime())) throw unreadable();
    return date;
  }
}

function unreadable(): S3Failure {
  return new S3Failure(299, "", "XML that can't be read");
}
