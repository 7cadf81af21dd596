/**
 * The pages for pip: a list of links for `--find-links`, and PEP 503's simple index for
 * `--index-url`.
 *
 * @module
 */

import type { OutputLocation } from "../../layout/output_location.ts";
import type { RunOutputRoot } from "../../layout/run_output_root.ts";
import { parseDistribution } from "./distribution.ts";
import { byPath, directoryEntry, fileEntries, type FileTree } from "./file_tree.ts";
import {
  INDEX_NAME,
  type IndexedFile,
  type IndexEntry,
  type IndexPage,
  type ListPage,
} from "./page.ts";

/** The directory of the simple index, beside the packages. */
export const SIMPLE = "simple";

/**
 * The pages of a run's Python packages.
 *
 * In a multi-arch run, the packages for every GPU are in `python/` itself; the page of a GPU family
 * lists them in addition to its own, because pip must find both in one place.
 *
 * @param root The run.
 * @param files All files of the run.
 * @param above The run's page.
 * @returns The pages, that of `python/` first; empty if there are no packages.
 */
export function pythonPages(
  root: RunOutputRoot,
  files: FileTree,
  above: ListPage["above"][number],
): IndexPage[] {
  const dir = root.pythonPackages();
  if (files.below(dir).length === 0) return [];
  const shared = distributions(files.below(dir), dir);
  const groups = files.directories(dir)
    .filter((name) => name !== SIMPLE && files.below(dir.join(name)).length > 0);
  const location = root.pythonIndex();
  const rows = groups.map((group) =>
    directoryEntry(`${group}/`, root.pythonIndex(group), files.below(dir.join(group)))
  ).sort(byPath);
  const own = files.below(dir, { except: groups });
  const top: ListPage = {
    kind: "list",
    location,
    covers: dir,
    title: "Python packages",
    above: [above],
    sections: [{ entries: [...rows, ...fileEntries(own, dir)] }],
    forPip: shared.length > 0,
  };
  const up = [above, { name: "python", target: location }];
  return [
    top,
    ...(shared.length === 0 ? [] : simplePages(simpleDir(root), dir, shared)),
    ...groups.flatMap((group) => {
      const groupDir = dir.join(group);
      const mine = distributions(files.below(groupDir), groupDir);
      const all = [...mine, ...shared];
      const page: ListPage = {
        kind: "list",
        location: root.pythonIndex(group),
        covers: dir,
        title: `Python packages of ${group}`,
        above: up,
        sections: [
          { entries: fileEntries(files.below(groupDir), groupDir) },
          { title: "For every GPU", entries: shared },
        ].filter(({ entries }) => entries.length > 0),
        forPip: true,
      };
      return [page, ...simplePages(simpleDir(root, group), dir, all)];
    }),
  ];
}

function simpleDir(root: RunOutputRoot, group?: string): OutputLocation {
  return root.pythonPackages(group).join(SIMPLE);
}

/**
 * The wheels and source distributions at the top of a directory.
 *
 * @param files The files below the directory.
 * @param dir The directory.
 * @returns Their rows.
 */
export function distributions(files: readonly IndexedFile[], dir: OutputLocation): IndexEntry[] {
  return fileEntries(
    files.filter(({ location }) =>
      location.relativeTo(dir) === location.name && parseDistribution(location.name) !== undefined
    ),
    dir,
  );
}

/**
 * The pages of a simple index.
 *
 * @param dir The directory of the index.
 * @param covers The directory whose files determine its content.
 * @param entries The packages.
 * @returns The list of projects, then a page for each.
 */
export function simplePages(
  dir: OutputLocation,
  covers: OutputLocation,
  entries: readonly IndexEntry[],
): IndexPage[] {
  const projects = Map.groupBy(
    entries,
    ({ target }) => parseDistribution(target.name)!.project,
  );
  const names = [...projects.keys()].sort();
  const pages: IndexPage[] = names.map((project) => ({
    kind: "simple",
    location: dir.join(project).join(INDEX_NAME),
    covers,
    title: `Links for ${project}`,
    entries: projects.get(project)!.map((entry) => ({ ...entry, name: entry.target.name })),
  }));
  const list: IndexPage = {
    kind: "simple",
    location: dir.join(INDEX_NAME),
    covers,
    title: "Simple index",
    entries: names.map((project, i) => ({
      name: project,
      target: pages[i].location,
      files: projects.get(project)!.length,
    })),
  };
  return [list, ...pages];
}
