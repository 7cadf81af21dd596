/**
 * The index pages of a run and their content, determined by its files alone, so that all jobs of a
 * run write the same pages.
 *
 * @module
 */

import { ArtifactName } from "../../layout/artifact_name.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { NativePackageType } from "../../layout/output_paths.ts";
import { RunOutputRoot } from "../../layout/run_output_root.ts";
import { SIDECAR_SUFFIX } from "../artifacts/sidecar.ts";
import { byPath, directoryEntry, fileEntries, FileTree } from "./file_tree.ts";
import type { IndexedFile, IndexEntry, IndexPage, IndexSection, ListPage } from "./page.ts";
import { pythonPages } from "./python_pages.ts";

/** The paths of a run's index pages, relative to its prefix. */
const PAGES = new RegExp(
  `^(?:(?:${
    [
      "artifacts|logs|manifests|tarballs|packages/(?:deb|rpm)",
      "logs/[^/]+|logs/[^/]+/[Gg][Ff][Xx][^/]*|logs/packaging/[^/]+",
      "python(?:/[^/]+)?|python/(?:[^/]+/)?simple(?:/[^/]+)?",
    ].join("|")
  })/)?index\\.html$`,
);

/**
 * The tree of a run's files.
 *
 * @param root The run.
 * @param files Its files.
 * @returns The tree, without rows for index pages and outputs manifests.
 */
export function runTree(root: RunOutputRoot, files: Iterable<IndexedFile>): FileTree {
  const parts = root.outputsManifestDir();
  const retention = root.retentionDir();
  const summary = root.retentionSummary();
  // The manifests of uploads are written after the pages, and are for programs.
  return new FileTree(
    files,
    (location) =>
      PAGES.test(location.relativeTo(root.root()) ?? "") ||
      location.relativeTo(parts) !== undefined || location.relativeTo(retention) !== undefined ||
      location.equals(summary),
  );
}

/** A link to a page above. */
type Above = ListPage["above"][number];

/**
 * The index pages of a run.
 *
 * @param root The run.
 * @param files All files of the run, including its index pages.
 * @returns The pages, each directory's before those below it.
 */
export function runPages(root: RunOutputRoot, files: FileTree): IndexPage[] {
  const above: Above = { name: root.prefix, target: root.runIndex() };
  const parts: Part[] = [
    artifactsPart(root, files, above),
    logsPart(root, files, above),
    listPart("Manifests", root.manifestsDir(), root.manifestsIndex(), files, above),
    pythonPart(root, files, above),
    ...(["deb", "rpm"] satisfies NativePackageType[]).map((type) =>
      listPart(
        `Native packages (${type})`,
        root.nativeLinuxPackages(type),
        root.nativeLinuxPackagesIndex(type),
        files,
        above,
      )
    ),
    listPart("Tarballs", root.tarballs(), root.tarballsIndex(), files, above),
  ].filter((part) => part !== undefined);
  return [runPage(root, files, parts), ...parts.flatMap(({ pages }) => pages)];
}

/**
 * The page that lists a test's report under its own name.
 *
 * @param root The run.
 * @param subfolder The report's directory, relative to the run's logs.
 * @param fileName The page's name.
 * @param files All files of the run.
 * @returns The page.
 */
export function reportPage(
  root: RunOutputRoot,
  subfolder: string,
  fileName: string,
  files: FileTree,
): ListPage {
  const dir = root.testReportDir(subfolder);
  const location = root.testReport(subfolder, fileName);
  const entries = fileEntries(
    files.below(dir).filter((file) => !file.location.equals(location)),
    dir,
  );
  return {
    kind: "list",
    location,
    covers: dir,
    title: `Test report: ${subfolder}`,
    above: [
      { name: root.prefix, target: root.runIndex() },
      { name: "logs", target: root.logRootIndex() },
    ],
    sections: [{ entries }],
  };
}

/** A section of a run: a directory and its pages. */
interface Part {
  readonly title: string;
  readonly dir: OutputLocation;
  /** The directory's own page first. */
  readonly pages: readonly IndexPage[];
}

/**
 * The page at the run's root: its sections, the artifacts of the flat layout, and everything else.
 */
function runPage(root: RunOutputRoot, files: FileTree, parts: readonly Part[]): ListPage {
  const location = root.runIndex();
  const contents = parts.map(({ title, dir, pages }) =>
    directoryEntry(title, pages[0].location, files.below(dir))
  );
  const own = files.below(root.root())
    .filter((file) => !parts.some(({ dir }) => file.location.relativeTo(dir)));
  const artifacts = artifactEntries(own, root.root());
  const listed = new Set(artifacts.flatMap(({ target, sidecar }) => [target.key, sidecar?.key]));
  const rest = fileEntries(own.filter((file) => !listed.has(file.location.key)), root.root());
  const sections: IndexSection[] = [
    { title: "Contents", entries: contents },
    { title: "Artifacts", entries: artifacts },
    { title: "Other files", entries: rest },
  ].filter(({ entries }) => entries.length > 0);
  return {
    kind: "list",
    location,
    covers: root.root(),
    title: `Run ${root.runId}, ${root.platform}`,
    above: [],
    sections,
    about: { root, uploading: files.has(({ location }) => isMarker(root, location)) },
  };
}

/** Whether a file marks an upload that is in progress, was killed or failed. */
function isMarker(root: RunOutputRoot, location: OutputLocation): boolean {
  return location.name.endsWith(".incomplete") &&
    location.parent.equals(root.outputsManifestDir());
}

/** The artifacts of the typed layout, which have their own directory. */
function artifactsPart(root: RunOutputRoot, files: FileTree, above: Above): Part | undefined {
  const { bucket, externalRepo, runId, platform } = root;
  const typed = new RunOutputRoot({ bucket, externalRepo, runId, platform, layout: "typed" });
  const dir = typed.artifactsDir();
  const found = files.below(dir);
  if (found.length === 0) return undefined;
  const artifacts = artifactEntries(found, dir);
  const listed = new Set(artifacts.flatMap(({ target, sidecar }) => [target.key, sidecar?.key]));
  const rest = fileEntries(found.filter((file) => !listed.has(file.location.key)), dir);
  const page: ListPage = {
    kind: "list",
    location: typed.artifactIndex(),
    covers: dir,
    title: "Artifacts",
    above: [above],
    sections: rest.length === 0
      ? [{ entries: artifacts }]
      : [{ entries: artifacts }, { title: "Other files", entries: rest }],
  };
  return { title: "Artifacts", dir, pages: [page] };
}

/** The archives at the top of a directory. Their checksum files are not rows. */
function artifactEntries(files: FileTree["files"], dir: OutputLocation): IndexEntry[] {
  const names = new Map(files.map((file) => [file.location.relativeTo(dir), file]));
  const archives = files.filter(({ location }) =>
    location.relativeTo(dir) === location.name &&
    ArtifactName.tryParse(location.name) !== undefined
  );
  return fileEntries(archives, dir).map((entry) => {
    const sidecar = names.get(entry.name + SIDECAR_SUFFIX);
    return { ...entry, sidecar: sidecar?.location, sidecarSize: sidecar?.size };
  });
}

/**
 * The logs: a page for all, one for each group or stage, and one for each GPU family of a stage and
 * each kind of packages. Files below them are listed by path.
 */
function logsPart(root: RunOutputRoot, files: FileTree, above: Above): Part | undefined {
  const dir = root.logsDir();
  if (files.below(dir).length === 0 && files.directories(dir).length === 0) return undefined;
  const location = root.logRootIndex();
  const up = [above, { name: "logs", target: location }];
  const groups: ListPage[] = [];
  const inner: ListPage[] = [];
  for (const group of files.directories(dir)) {
    const groupDir = dir.join(group);
    const groupIndex = root.logIndex(group);
    const pages = files.directories(groupDir)
      .filter((name) => group === "packaging" || /^gfx/i.test(name))
      .map((name) =>
        page({
          dir: groupDir.join(name),
          location: groupDir.join(name).join("index.html"),
          title: `Logs of ${group}, ${name}`,
          above: [...up, { name: group, target: groupIndex }],
        }, files)
      );
    groups.push(page({
      dir: groupDir,
      location: groupIndex,
      title: `Logs of ${group}`,
      above: up,
      directories: pages,
    }, files));
    inner.push(...pages);
  }
  const all = page({ dir, location, title: "Logs", above: [above], directories: groups }, files);
  return { title: "Logs", dir, pages: [all, ...groups, ...inner] };
}

function pythonPart(root: RunOutputRoot, files: FileTree, above: Above): Part | undefined {
  const pages = pythonPages(root, files, above);
  return pages.length === 0
    ? undefined
    : { title: "Python packages", dir: root.pythonPackages(), pages };
}

function listPart(
  title: string,
  dir: OutputLocation,
  location: OutputLocation,
  files: FileTree,
  above: Above,
): Part | undefined {
  if (files.below(dir).length === 0) return undefined;
  return { title, dir, pages: [page({ dir, location, title, above: [above] }, files)] };
}

/** What a directory's page consists of. */
interface PageOptions extends Pick<ListPage, "location" | "title" | "above"> {
  readonly dir: OutputLocation;
  /** Subdirectories with their own pages: one row each. */
  readonly directories?: readonly ListPage[];
}

function page(options: PageOptions, files: FileTree): ListPage {
  const { dir, location, title, above, directories = [] } = options;
  const rows = directories.map(({ covers, location }) =>
    directoryEntry(`${covers.relativeTo(dir)}/`, location, files.below(covers))
  );
  const own = files.below(dir, { except: directories.map(({ covers }) => covers.name) });
  const entries = [...rows.sort(byPath), ...fileEntries(own, dir)];
  return { kind: "list", location, covers: dir, title, above, sections: [{ entries }] };
}
