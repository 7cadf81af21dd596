/**
 * The report of an upload to its GitHub Actions job: step outputs, and a step summary of uploaded and
 * missing files.
 *
 * @module
 */

import { appendStepSummary, type JobEnvironment, setOutputs } from "../../../github/job_files.ts";
import { renderStepSummary, type SummaryRow } from "../../../github/step_summary.ts";
import { classify, type OutputKind } from "../../../layout/classify.ts";
import type { OutputLocation } from "../../../layout/output_location.ts";
import type { JobStatus } from "../../../operations/upload/build.ts";
import { inKeyOrder } from "../../../layout/compare_keys.ts";
import type { TransferResult } from "../../../storage/transfer/transfer.ts";
import type { PartSubject } from "../../../runs/part_name.ts";
import { inOrder, pathInAny } from "../../transfer_report.ts";
import { installCommands, packageRepository, type PublishedRepository } from "./package_report.ts";
import { type Paged, pageOf } from "./page_of.ts";
import { type Published, pythonOutputs, tarballNote, tarballOutputs } from "./published_outputs.ts";

/** The results of an upload. */
export interface JobReport extends Paged {
  /** What is uploaded: some commands set outputs of their own. */
  readonly subject: PartSubject;
  /** The result of the job before the upload, if known. */
  readonly jobStatus?: JobStatus;
  /** What a reader of the summary should know first. */
  readonly notices?: readonly string[];
  /** Whether it was uploaded to a server, so that links work. */
  readonly linked: boolean;
  /** The URL of a location. */
  readonly url: (location: OutputLocation) => string;
  /** The S3 URI of the run; empty if it is not on S3. */
  readonly s3Uri: string;
  /** The location of the run, for messages. */
  readonly where: string;
  /** The command, to repeat it if it failed. */
  readonly repeat?: string;
  /** Redacts secrets in a text. */
  readonly redact: (text: string) => string;
}

/**
 * Writes step outputs and step summary.
 *
 * @param report The results of the upload.
 * @param env The files of the job; nothing happens outside of a job.
 * @returns A note, if an output that other jobs read could not be set.
 * @throws {RunOutputsError} If a file can't be written.
 */
export async function reportToJob(
  report: JobReport,
  env: JobEnvironment,
): Promise<string | undefined> {
  await setOutputs(stepOutputs(report), env);
  await appendStepSummary(report.redact(stepSummary(report)), env);
  return report.subject.command === "tarballs" ? tarballNote(publishedOf(report)) : undefined;
}

/**
 * The outputs of the step.
 *
 * @param report The results of the upload.
 * @returns Values by name; several manifests are on several lines.
 */
export function stepOutputs(report: JobReport): Record<string, string> {
  const { root, url, redact } = report;
  const files = () =>
    present(report).filter(({ kind }) => kind !== "index" && kind !== "outputs-manifest");
  const page = pageOf(report, files().map(({ result }) => result));
  const manifests = files().filter(({ kind }) => kind === "manifest");
  const outputsManifest = present(report).find(({ kind, result }) =>
    kind === "outputs-manifest" && !result.location.equals(root.expectedParts())
  );
  const { count, bytes } = totalOf(files());
  const values = {
    "prefix": root.prefix,
    "bucket": root.bucket,
    "s3-uri": report.s3Uri,
    "index-url": page === undefined ? "" : url(page),
    "manifest": [...manifests].map(({ result }) => url(result.location)).join("\n"),
    "outputs-manifest": outputsManifest === undefined ? "" : url(outputsManifest.result.location),
    "count": `${count}`,
    "bytes": `${bytes}`,
    ...packageOutputs(report),
    ...ownOutputs(report),
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, redact(value)]));
}

/**
 * The summary of the step.
 *
 * @param report The results of the upload.
 * @returns Markdown.
 */
export function stepSummary(report: JobReport): string {
  const { root, results, where, notices = [] } = report;
  const failed = inOrder([
    ...Iterator.from(results).filter(({ outcome }) => outcome === "failed"),
  ]);
  // A failure at the run itself is that of the upload as a whole, or of files without a name there.
  const isWhole = ({ location, unlisted }: TransferResult) =>
    location.equals(root.root()) && unlisted !== true;
  const whole = failed.filter(isWhole).map(({ error }) => `The upload failed: ${reasonOf(error)}`);
  const failures = failed.filter((result) => !isWhole(result));
  return renderStepSummary({
    title: `Outputs of run ${root.runId}, ${root.platform}`,
    where,
    rows: summaryRows(report),
    notices: [...whole, ...notices],
    commands: commands(report),
    failures: failures.map((result) => ({
      path: pathInAny([root.root()], result),
      reason: reasonOf(result.error),
    })),
    repeat: failed.length === 0 ? undefined : report.repeat,
  });
}

function reasonOf(error: Error | undefined): string {
  return error?.message ?? "unknown reason";
}

/** A file that exists after the upload. */
interface Present {
  readonly result: TransferResult;
  readonly path: string;
  readonly kind: OutputKind;
}

/** The files one by one: there can be a million. */
function present({ root, results }: JobReport): IteratorObject<Present> {
  return Iterator.from(inKeyOrder(results)).filter(({ outcome }) => outcome !== "failed")
    .map((result) => {
      const path = result.location.relativeTo(root.root())!;
      return { result, path, kind: classify(path) };
    });
}

/** The row that counts the files of a kind, linked to their index page; in the order of the rows. */
const GROUP_OF: Readonly<Record<OutputKind, string | undefined>> = {
  artifact: "Artifacts",
  log: "Logs",
  report: "Logs",
  python: "Python packages",
  package: "Native packages",
  tarball: "Tarballs",
  other: "Other files",
  retention: "Other files",
  // These have rows of their own, or belong to other files.
  manifest: undefined,
  checksum: undefined,
  index: undefined,
  "outputs-manifest": undefined,
};
const GROUPS = new Set(Object.values(GROUP_OF).filter((name) => name !== undefined));

/** Files with their own row. */
const SINGLED_OUT: readonly { readonly name: string; readonly pattern: RegExp }[] = [
  { name: "Build observability", pattern: /\/(?:build_observability|build_time_analysis)\.html$/ },
  {
    name: "Build profile",
    pattern: /^logs\/[^/]+\/(?:(?!therock-build-prof\/)[^/]+\/)?comp-summary\.html$/,
  },
];

function summaryRows(report: JobReport): SummaryRow[] {
  const { url, linked, jobStatus = "success" } = report;
  const link = (location: OutputLocation | undefined) =>
    linked && location !== undefined ? url(location) : undefined;
  const rows = [...GROUPS].flatMap((name) => {
    const found = () => present(report).filter(({ kind }) => GROUP_OF[kind] === name);
    const { count, bytes } = totalOf(found());
    if (count === 0) return [];
    const page = pageOf(report, found().map(({ result }) => result));
    // Nobody should install the artifacts of a failed job.
    const dead = name === "Artifacts" && jobStatus !== "success";
    return [{
      name,
      url: dead ? undefined : link(page),
      files: count,
      bytes,
    }];
  });
  const single = ({ result, path }: Present, name: string): SummaryRow => ({
    name: name === "" ? path : name,
    url: link(result.location),
    files: 1,
    bytes: result.size ?? 0,
  });
  const singled = SINGLED_OUT.flatMap(({ name, pattern }) =>
    [...present(report).filter(({ path }) => pattern.test(path))].map((file) => single(file, name))
  );
  const manifests = [...present(report).filter(({ kind }) => kind === "manifest")];
  const named = manifests.map((file) => single(file, manifests.length === 1 ? "Manifest" : ""));
  return [...rows.slice(0, 2), ...singled, ...named, ...rows.slice(2)];
}

/** The pages that pip finds packages on. */
function findLinks(report: JobReport): OutputLocation[] {
  const python = [...present(report).filter(({ kind }) => kind === "python")]
    .map(({ result }) => result);
  const page = pageOf(report, python);
  if (page === undefined) return [];
  if (!report.serverIndexed) return [page];
  // The server's page of a directory lists what is directly in it.
  const dirs = new Map(python.map(({ location: { parent } }) => [parent.key, parent]));
  return [...dirs.values()].map((dir) => dir.join("index.html"));
}

/** Commands that install the uploaded packages. */
function commands(report: JobReport): string[] {
  if (!report.linked) return [];
  const pages = findLinks(report).map((page) => `--find-links ${report.url(page)}`);
  return [
    ...pages.length === 0 ? [] : [`pip install --pre --no-index ${pages.join(" ")} PACKAGE`],
    ...repositories(report).flatMap(installCommands),
  ];
}

function totalOf(files: Iterable<Present>): { readonly count: number; readonly bytes: number } {
  let [count, bytes] = [0, 0];
  for (const { result } of files) {
    count++;
    bytes += result.size ?? 0;
  }
  return { count, bytes };
}

/** The package repositories that the upload has written to. */
function repositories(report: JobReport): PublishedRepository[] {
  const paths = [...present(report).filter(({ kind }) => kind === "package")]
    .map(({ path }) => path);
  return (["deb", "rpm"] as const).flatMap((type) => {
    const found = packageRepository(report.root, type, paths);
    return found === undefined ? [] : [{ ...found, url: report.url(found.location) }];
  });
}

/** Where packages can be installed from, and where the logs of their making are listed. */
function packageOutputs(report: JobReport): Record<string, string> {
  const [repository] = repositories(report);
  if (repository === undefined) return {};
  const page = report.root.nativeLinuxPackagesLogIndex(repository.type);
  return {
    "package_repository_url": repository.url,
    "packaging_logs_url": hasPage(report, page) ? report.url(page) : "",
  };
}

/** The outputs of single commands. */
function ownOutputs(report: JobReport): Record<string, string> {
  const { command, of = [] } = report.subject;
  if (command === "python") return pythonOutputs(publishedOf(report), of[0] === undefined);
  return command === "tarballs" ? tarballOutputs(publishedOf(report)) : {};
}

function publishedOf(report: JobReport): Published {
  const { root, results, url } = report;
  return {
    root,
    paths: inOrder([...results]).map(({ location }) => location.relativeTo(root.root())!)
      .filter((path) => path !== "" && classify(path) !== "index"),
    exists: (file) =>
      Iterator.from(results).some((result) => succeeded(result) && result.location.equals(file)),
    hasPage: (page) => hasPage(report, page),
    url,
  };
}

/** Whether the upload has written an index page, or the server will. */
function hasPage({ results, serverIndexed = false }: JobReport, page: OutputLocation): boolean {
  return Iterator.from(results).some((result) =>
    succeeded(result) &&
    (serverIndexed
      ? result.location.relativeTo(page.parent) !== undefined
      : result.location.equals(page))
  );
}

function succeeded({ outcome }: TransferResult): boolean {
  return outcome !== "failed";
}
