import type { Context } from '../../context.ts';
import { realmTable } from '../../output/realm.ts';
import { printable } from '../../output/table.ts';
import { readInForce } from './rules.ts';

/** `mesh realm list`; exit status 1 when the files have problems, since older rules are in force then. */
export async function realmList(context: Context, { names }: { readonly names: boolean }): Promise<number> {
  const { json, terminal } = context;
  const rules = await readInForce(context);
  const { realms, problems, warnings } = rules;
  if (names) {
    for (const { id } of realms) terminal.print(id);
    return 0;
  }
  if (json) terminal.json(rules);
  else {
    if (realms.length > 0) terminal.print(realmTable(realms));
    else terminal.print('There is no realm: they are described in /host0/realms/ID.conf.');
    for (const text of warnings) terminal.warn(printable(`mesh: warning: ${text}`));
    if (problems.length > 0)
      terminal.warn('mesh: the rules in force are older than the files, which have problems:');
    for (const text of problems) terminal.warn(printable(`  ${text}`));
  }
  return problems.length === 0 ? 0 : 1;
}
