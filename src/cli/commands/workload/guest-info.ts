import type { Context } from '../../context.ts';
import { facts, printable } from '../../output/table.ts';
import { askGuest, theWorkload } from './guest-ask.ts';

/** `mesh workload guest ping`. */
export async function workloadGuestPing(context: Context, words: readonly string[]): Promise<number> {
  const { json, now, terminal } = context;
  const workload = await theWorkload(context, words);
  const began = now();
  const { version } = await askGuest(context, workload, { ask: 'ping' });
  const milliseconds = now() - began;
  const answers = `${workload}: its guest agent answers${version === undefined ? '' : ` (${version})`}`;
  if (json) terminal.json({ workload, version, milliseconds });
  else terminal.print(printable(`${answers} after ${milliseconds} ms`));
  return 0;
}

/** `mesh workload guest info`. */
export async function workloadGuestInfo(context: Context, words: readonly string[]): Promise<number> {
  const { json, terminal } = context;
  const workload = await theWorkload(context, words);
  const { hostName, interfaces = [], os, version } = await askGuest(context, workload, { ask: 'info' });
  if (json) {
    terminal.json({ workload, version, hostName, os, interfaces });
    return 0;
  }
  const pairs = [
    ['workload', workload],
    ['agent', version],
    ['name', hostName],
    ['system', os],
    ...interfaces.map(
      ({ addresses, mac, name }) =>
        [`on ${printable(name)}`, [...addresses, ...(mac === undefined ? [] : [mac])].join(', ')] as const,
    ),
  ] as const;
  terminal.print(facts(pairs.map(([key, value]) => [key ?? '', value || '-'] as const)));
  return 0;
}
