import type { RealmList } from '../../../api/placement.ts';
import { quote } from '../../../base/diagnostic.ts';
import { PxenError } from '../../../base/error.ts';
import { hint } from '../../../domain/hocon/values.ts';
import { poolNames } from '../../../domain/placement/realm.ts';
import { poolCommands } from '../../../domain/vm/libvirt/pools.ts';
import { commandLine } from '../../../io/exec.ts';
import type { Context } from '../../context.ts';
import { readInForce } from './rules.ts';

/** `mesh realm pools [REALM]`: the commands that set up the storage pools of a realm on a libvirt host (checklist TC-50). Runs none of them. */
export async function realmPools(
  context: Context,
  realm: string | undefined,
  folder: string,
): Promise<number> {
  const { realms } = await readInForce(context);
  const names = new Set(chosen(realms, realm).flatMap(({ pools }) => poolNames(pools)));
  const pools = [...names].map(name => ({ name, path: `${folder}/${name}` }));
  const commands = pools.flatMap(poolCommands);
  if (context.json) context.terminal.json({ pools, commands });
  else for (const [program = '', ...words] of commands) context.terminal.print(commandLine(program, words));
  return 0;
}

/** All that libvirt runs, unless one is named. */
function chosen(realms: RealmList['realms'], id: string | undefined): RealmList['realms'] {
  const libvirt = realms.filter(({ driver }) => driver === 'libvirt');
  if (id === undefined && libvirt.length > 0) return libvirt;
  if (id === undefined)
    throw new PxenError('NOT_FOUND', 'no realm has the driver libvirt; mesh realm list shows all');
  const found = realms.filter(realm => realm.id === id);
  if (found.length > 0) return found;
  const known = realms.map(realm => realm.id);
  throw new PxenError(
    'NOT_FOUND',
    `no realm ${quote(id)}${hint(id, known) || '; mesh realm list shows all'}`,
  );
}
