/**
 * The interface of the service as a document in OpenAPI 3.1, from the table of routes.
 *
 * @module
 */

import { z } from "zod";
import type { Route } from "./route.ts";

/** Options of {@linkcode openApi}. */
export interface OpenApiOptions {
  /** The program and its version, such as `run-outputs/1.0.0`. */
  readonly tool: string;
  /** The URL of the service, relative to the document, without a final `/`. */
  readonly server: string;
}

/** A problem, see RFC 9457. */
const PROBLEM = z.looseObject({
  type: z.string().meta({ description: "urn:run-outputs:NAME" }),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  exit_code: z.int().meta({ description: "The exit code that the command would have." }),
});

/** A JSON Schema. */
type Schema = Record<string, unknown>;

/**
 * Describes the service.
 *
 * @param routes The routes.
 * @param options The version and the URL.
 * @returns The document.
 */
export function openApi(routes: readonly Route[], { tool, server }: OpenApiOptions): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replace("*}", "}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  const [title, version] = tool.split("/");
  return {
    openapi: "3.1.0",
    info: {
      title,
      version,
      description: "Retained runs of CI workflows: state, reports, manifests and files.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: server }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { problem: schemaOf(PROBLEM) },
      responses: {
        problem: {
          description: "A problem",
          content: {
            "application/problem+json": { schema: { $ref: "#/components/schemas/problem" } },
          },
        },
      },
    },
  };
}

function operationOf(route: Route): object {
  const { method, path, summary, status = 200, answer, types, body, command, isOpen } = route;
  const text = { schema: { type: "string" } };
  const headers = {
    ...status >= 300 ? { Location: text } : {},
    ...route.maxWait === undefined ? {} : {
      "Preference-Applied": { ...text, description: "Absent if the answer did not wait." },
    },
  };
  const name = `${method.toLowerCase()}${
    path.replace(/[^A-Za-z]+(\w?)/g, (_, c) => c.toUpperCase())
  }`;
  const schema = answer === undefined ? undefined : schemaOf(answer);
  const content = (types ?? (schema === undefined ? [] : ["application/json"])).map((type) =>
    [type, type === "application/json" && schema !== undefined ? { schema } : {}] as const
  );
  return {
    operationId: name,
    summary,
    ...command === undefined ? {} : { description: `As \`run-outputs ${command} --json\`.` },
    ...isOpen ? { security: [] } : {},
    parameters: parametersOf(route),
    ...body === undefined ? {} : {
      requestBody: {
        required: true,
        content: { "application/json": { schema: schemaOf(body) } },
      },
    },
    responses: {
      [status]: {
        description: status >= 300 ? "A redirect" : "The answer",
        ...Object.keys(headers).length === 0 ? {} : { headers },
        ...status >= 300 ? {} : { content: Object.fromEntries(content) },
      },
      "4XX": { $ref: "#/components/responses/problem" },
      "5XX": { $ref: "#/components/responses/problem" },
    },
  };
}

function parametersOf({ path, params, maxWait }: Route): object[] {
  if (params === undefined) return [];
  const { properties = {} } = schemaOf(params) as { properties?: Record<string, Schema> };
  const prefer = {
    name: "Prefer",
    in: "header",
    required: false,
    description: `wait=SECONDS (RFC 7240): answer when the state changes, or after SECONDS, ` +
      `at most ${maxWait}.`,
    schema: { type: "string", examples: [`wait=${maxWait}`] },
  };
  const own = Object.entries(params.shape).map(([name, type]) => {
    const isInPath = new RegExp(`\\{${name}\\*?\\}`).test(path);
    const { description, ...schema } = properties[name] ?? {};
    return {
      name,
      in: isInPath ? "path" : "query",
      required: isInPath || !type.safeParse(undefined).success,
      ...description === undefined ? {} : { description },
      schema,
    };
  });
  return maxWait === undefined ? own : [...own, prefer];
}

function schemaOf(type: z.ZodType): Schema {
  const { $schema: _, ...schema } = z.toJSONSchema(type, {
    io: "output",
    unrepresentable: "any",
  }) as Schema;
  return schema;
}
