/**
 * Commands that get the outputs of a run, to copy.
 *
 * @module
 */

import { uriEncodeKey } from "../../layout/output_location.ts";
import type { RunDetails } from "../../operations/retained/answers.ts";
import { removedKinds } from "../../runs/retention/removed_words.ts";
import type { ServiceContext, ServiceRequest } from "../context.ts";
import { type Html, markup, runPath } from "./page.ts";

/**
 * Commands that get the outputs of a run.
 *
 * @param request The request of the page.
 * @param context The service.
 * @param run The run.
 * @returns A section of the page. The script puts the URL there that the browser has used, which a
 * proxy can have changed.
 */
export function commands(
  { base, authority }: Pick<ServiceRequest, "base" | "authority">,
  { basePath, needsToken }: Pick<ServiceContext, "basePath" | "needsToken">,
  { key, run_id, external_repo, platform, kinds, removed }: Pick<
    RunDetails,
    "key" | "run_id" | "external_repo" | "platform" | "kinds" | "removed"
  >,
): Html {
  const root = `http://${authority}${basePath}`;
  const files = runPath(key, "files");
  const id = quoted(external_repo === "" ? run_id : key);
  const tokenFile = needsToken ? " --server-token-file FILE" : "";
  const header = '"Authorization: Bearer $TOKEN"';
  const curl = needsToken ? `curl -H ${header}` : "curl";
  const wget = needsToken ? `wget --header ${header}` : "wget";
  // The directories of the path that wget leaves away: those of the base path, and `files` with its two.
  const above = basePath.split("/").length - 2 + 3;
  // Listings must not have the name of stored pages, or wget would replace those.
  const how = `-r -np -nH --cut-dirs=${above} --default-page=.listing -e robots=off`;
  // No command that must fail because retention has removed what it wants.
  const hasFiles = removed === undefined ||
    Object.keys(kinds).some((kind) => kind !== "outputs-manifest");
  const fetch = [
    "Artifacts, verified and unpacked",
    `run-outputs fetch --server ${root}${tokenFile} --run-id ${id} --platform ${platform} --output-dir artifacts`,
  ] as const;
  const all: readonly (readonly [title: string, command: string])[] = [
    ...removed?.kinds.artifact === undefined ? [fetch] : [],
    ["One file, resumed if it was interrupted", `${curl} -C - -O ${root}${files}/PATH`],
    ["All files", `${wget} ${how} ${root}${files}/`],
    [
      "Verify what was downloaded",
      `${curl} -s '${root}${
        runPath(key, "artifact-manifest")
      }?format=sha256sum' | sha256sum -c --ignore-missing`,
    ],
  ];
  return markup`<section><h2>Download</h2>
${
    removed === undefined
      ? ""
      : markup`<p>Removed by retention: ${removedKinds(removed).join(", ")}.</p>
`
  }${
    needsToken && hasFiles
      ? markup`<p>FILE has the token of this service; for curl and wget, it is in <code>$TOKEN</code>: <code>TOKEN=$(cat FILE)</code></p>
`
      : ""
  }${
    (hasFiles ? all : []).map(([title, command]) =>
      markup`<div class="copy"><h3>${title}</h3><pre data-root="${root}" data-base="${base}">${command}</pre></div>
`
    )
  }</section>`;
}

/** A word of a command, for a shell. */
function quoted(word: string): string {
  return uriEncodeKey(word) === word ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
