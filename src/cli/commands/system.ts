import { formatBytes } from '../../base/bytes.ts';
import { type Diagnostic, diagnosticsError, several } from '../../base/diagnostic.ts';
import type { FolderReport } from '../../service/overlay/report.ts';
import { openedOverlays, overlaysToCheck } from '../appliance.ts';
import { type Context, localRoot } from '../context.ts';

/** `mesh system configure [--check]` (checklist MH-54, MH-55). Works whether pxend runs or not; a running one serves the result at once. */
export async function systemConfigure(context: Context, options: { check: boolean }): Promise<number> {
  return options.check ? check(context) : build(context);
}

async function check(context: Context): Promise<number> {
  const { folders, problems } = await overlaysToCheck(localRoot(context)).check();
  if (problems.length === 0 && !context.json)
    context.terminal.print(`${several(folders, 'machine folder')} in order`);
  return verdict(context, problems, { folders });
}

async function build(context: Context): Promise<number> {
  const { terminal, json } = context;
  const { folders, problems, removed } = await openedOverlays(localRoot(context)).build({
    onFolder: folder => (json ? undefined : terminal.print(lineOf(folder))),
  });
  if (!json) for (const folder of removed) terminal.print(`${folder}  removed, its folder is gone`);
  if (!json && folders.length === 0)
    terminal.print('no machine folders: every machine gets the default overlay');
  return verdict(context, problems, { folders, removed });
}

/** Problems end the command; as JSON they stand beside what was done. */
function verdict({ terminal, json }: Context, problems: readonly Diagnostic[], done: object): number {
  const refusal =
    problems.length > 0
      ? diagnosticsError('MANIFEST_INVALID', '/host0 is not in order', problems)
      : undefined;
  if (refusal && !json) throw refusal;
  const error = refusal && { code: refusal.code, message: refusal.message, details: refusal.details };
  if (json) terminal.json({ ok: !refusal, ...done, problems, error });
  return refusal ? 1 : 0;
}

function lineOf({ folder, outcome, owner, served, size }: FolderReport): string {
  const what = outcome === 'refused' && served ? 'refused, the last good overlay stays' : outcome;
  return `${folder}  ${owner ?? '-'}  ${what}${served ? `  ${formatBytes(size)}` : ''}`;
}
