/**
 * Finds the proxy that the runtime uses for a request, for messages.
 *
 * @module
 */

/** A proxy. */
export interface Proxy {
  /** Its host and port, without the password. */
  readonly host: string;
  /** The variable that sets it. */
  readonly variable: string;
}

/**
 * Finds the proxy in the environment.
 *
 * @param url The URL of a request.
 * @param env The environment variables.
 * @returns The proxy; `undefined`, if there is none for this host.
 */
export function proxyFor(
  url: URL,
  env: (name: string) => string | undefined,
): Proxy | undefined {
  const names = [`${url.protocol.slice(0, -1).toUpperCase()}_PROXY`, "ALL_PROXY"]
    .flatMap((name) => [name.toLowerCase(), name]);
  const variable = names.find((name) => env(name));
  if (variable === undefined) return undefined;
  const value = env(variable)!;
  const proxy = URL.parse(value.includes("://") ? value : `http://${value}`);
  if (proxy === null) return undefined;
  const direct = (env("NO_PROXY") || env("no_proxy") || "").split(/[\s,]+/);
  const { hostname } = url;
  const isDirect = direct.some((host) =>
    host !== "" && (host === "*" || `.${hostname}`.endsWith(`.${host.replace(/^\./, "")}`))
  );
  return isDirect ? undefined : { host: proxy.host, variable };
}
