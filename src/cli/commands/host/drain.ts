import type { HostView } from '../../../api/placement.ts';
import type { Context } from '../../context.ts';
import { drainText } from '../../output/host.ts';
import { changeHost, findHost, listHosts } from './hosts.ts';

export interface DrainOptions {
  /** Come back when nothing is left. */
  readonly wait: boolean;
  /** Milliseconds between two looks. */
  readonly every: number;
}

/** `mesh host drain NAME`: nothing new comes, nothing is moved by force; says what is left. */
export async function hostDrain(context: Context, given: string, options: DrainOptions): Promise<number> {
  const { json, terminal } = context;
  const { name } = findHost(await listHosts(context), given);
  let host = await changeHost(context, name, { expect: 'known', state: 'no-scheduling' });
  if (!json) terminal.print(drainText(host));
  while (options.wait && host.workloads.length > 0) {
    await new Promise(resolve => setTimeout(resolve, options.every));
    const later = findHost(await listHosts(context), name);
    if (!json && left(later) !== left(host)) terminal.print(drainText(later));
    host = later;
  }
  if (json) terminal.json(host);
  return 0;
}

function left({ workloads }: HostView): string {
  return JSON.stringify(workloads);
}
