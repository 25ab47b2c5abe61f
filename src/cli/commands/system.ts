import { formatBytes } from '../../base/bytes.ts';
import { diagnosticsError } from '../../base/diagnostic.ts';
import type { FolderReport } from '../../service/overlay/report.ts';
import { openedOverlays, overlaysToCheck } from '../appliance.ts';
import { type Context, localRoot } from '../context.ts';

/** `mesh system configure [--check]` (checklist MH-54, MH-55). Works whether pxend runs or not; a running one serves the result at once. */
export async function systemConfigure(context: Context, options: { check: boolean }): Promise<number> {
  return options.check ? check(context) : build(context);
}

async function check(context: Context): Promise<number> {
  const { terminal, json } = context;
  const { folders, problems } = await overlaysToCheck(localRoot(context)).check();
  if (json) terminal.json({ ok: problems.length === 0, folders, problems });
  if (problems.length > 0 && !json)
    throw diagnosticsError('MANIFEST_INVALID', '/host0 is not in order', problems);
  if (problems.length === 0 && !json) terminal.print(`${folders} machine folders are in order`);
  return problems.length === 0 ? 0 : 1;
}

function lineOf({ folder, outcome, owner, served, size }: FolderReport): string {
  const what = outcome === 'refused' && served ? 'refused, the last good overlay stays' : outcome;
  return `${folder}  ${owner ?? '-'}  ${what}${served ? `  ${formatBytes(size)}` : ''}`;
}

async function build(context: Context): Promise<number> {
  const { terminal, json } = context;
  const report = await openedOverlays(localRoot(context)).build({
    onFolder: folder => (json ? undefined : terminal.print(lineOf(folder))),
  });
  const { folders, problems, removed } = report;
  if (json) terminal.json({ ok: problems.length === 0, folders, removed, problems });
  else for (const folder of removed) terminal.print(`${folder}  removed, its folder is gone`);
  if (report.problems.length > 0 && !json)
    throw diagnosticsError('MANIFEST_INVALID', '/host0 is not in order', report.problems);
  if (report.folders.length === 0 && !json)
    terminal.print('no machine folders: every machine gets the default overlay');
  return report.problems.length === 0 ? 0 : 1;
}
