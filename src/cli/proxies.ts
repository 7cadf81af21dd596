/**
 * `NO_PROXY` as other programs understand it, in the terms of the runtime, which knows hosts and
 * domains alone.
 *
 * @module
 */

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
  .flatMap((name) => [name, name.toLowerCase()]);

/**
 * What to change in the environment before the first request. `*` means all hosts; of
 * `HOST:PORT` the port is dropped, `*.DOMAIN` is a domain.
 *
 * @param env The environment.
 * @returns The variables to set; those to delete are `undefined`.
 */
export function proxyChanges(
  env: (name: string) => string | undefined,
): Readonly<Record<string, string | undefined>> {
  const given = env("NO_PROXY") || env("no_proxy");
  if (!given) return {};
  const hosts = given.split(/[\s,]+/).filter((host) => host !== "");
  if (hosts.includes("*")) return Object.fromEntries(PROXIES.map((name) => [name, undefined]));
  const plain = hosts.map((host) =>
    host.replace(/^\[([^\]]*)\](?::\d+)?$/, "$1").replace(/^([^:]+):\d+$/, "$1").replace(
      /^\*\./,
      ".",
    )
  ).join(",");
  return { NO_PROXY: plain, no_proxy: plain };
}
