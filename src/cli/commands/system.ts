import { formatBytes } from '../../base/bytes.ts';
import { diagnosticsError } from '../../base/diagnostic.ts';
import { openedOverlays, overlaysToCheck } from '../appliance.ts';
import type { Context } from '../context.ts';

/** `mesh system configure [--check]` (checklist MH-54, MH-55). Works whether pxend runs or not; a running one serves the result at once. */
export async function systemConfigure(context: Context, options: { check: boolean }): Promise<number> {
  return options.check ? check(context) : build(context);
}

async function check(context: Context): Promise<number> {
  const { terminal, json, root } = context;
  const { folders, problems } = await overlaysToCheck(root).check();
  if (json) terminal.json({ ok: problems.length === 0, folders, problems });
  if (problems.length > 0 && !json)
    throw diagnosticsError('MANIFEST_INVALID', '/host0 is not in order', problems);
  if (problems.length === 0 && !json) terminal.print(`${folders} machine folders are in order`);
  return problems.length === 0 ? 0 : 1;
}

async function build(context: Context): Promise<number> {
  const { terminal, json, root } = context;
  const report = await openedOverlays(root).build(folder => {
    if (json) return;
    const what =
      folder.outcome === 'refused' && folder.served ? 'refused, the last good overlay stays' : folder.outcome;
    terminal.print(
      `${folder.folder}  ${folder.owner ?? '-'}  ${what}${folder.served ? `  ${formatBytes(folder.size)}` : ''}`,
    );
  });
  if (json) terminal.json({ ok: report.problems.length === 0, ...report });
  else for (const folder of report.removed) terminal.print(`${folder}  removed, its folder is gone`);
  if (report.problems.length > 0 && !json)
    throw diagnosticsError('MANIFEST_INVALID', '/host0 is not in order', report.problems);
  if (report.folders.length === 0 && !json)
    terminal.print('no machine folders: every machine gets the default overlay');
  return report.problems.length === 0 ? 0 : 1;
}
