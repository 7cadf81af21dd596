/**
 * Checks a proxy: whether it accepts connections.
 *
 * @module
 */

import { networkReason } from "../../errors/network.ts";
import type { Proxy } from "../../storage/s3/proxy.ts";
import { ok, type Verdict } from "./check.ts";

/** The default ports of proxies by the schemes of their URLs. */
const PORTS: Readonly<Record<string, number>> = {
  "https:": 443,
  "socks5:": 1080,
  "socks5h:": 1080,
};

/**
 * Connects to a proxy, and sends nothing.
 *
 * @param proxy The proxy; `undefined`, if requests go to their server directly.
 * @param env The environment.
 * @param signal Aborts it.
 * @returns The verdict.
 */
export async function proxyVerdict(
  proxy: Proxy | undefined,
  env: (name: string) => string | undefined,
  signal: AbortSignal,
): Promise<Verdict> {
  if (proxy === undefined) return ok("none", { proxy: null });
  const { host, variable } = proxy;
  const details = { proxy: host, variable };
  const scheme = /^[a-z0-9]+:(?=\/\/)/i.exec(env(variable) ?? "")?.[0].toLowerCase() ?? "http:";
  const { hostname, port } = new URL(`http://${host}`);
  try {
    const connecting = Deno.connect({
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? PORTS[scheme] ?? 80 : Number(port),
    });
    signal.addEventListener("abort", () => void connecting.then((it) => it.close(), () => {}));
    const connection = await connecting;
    if (!signal.aborted) connection.close();
    signal.throwIfAborted();
    return ok(`${host} ($${variable}) accepts connections`, details);
  } catch (error) {
    signal.throwIfAborted();
    return {
      status: "error",
      code: "transient",
      message: `${host} ($${variable}): ${networkReason(error as Error)}`,
      advice: `check it, unset ${variable}, or name the server in NO_PROXY`,
      details,
    };
  }
}
