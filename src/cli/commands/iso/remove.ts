import type { Context } from '../../context.ts';
import { printable } from '../../output/table.ts';
import { openStore } from './store.ts';

/** `mesh iso remove NAME...`: all of them or none. */
export async function isoRemove(context: Context, names: readonly string[]): Promise<number> {
  const removed = await openStore(context).store.remove(names);
  if (context.json) context.terminal.json({ removed });
  else for (const name of removed) context.terminal.print(`${printable(name)}: removed`);
  return 0;
}
