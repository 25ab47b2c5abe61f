import type { Agreement } from './record.ts';

/** One line per place that says another id than the first: `dhcp says 1234abcd, agent says 99887766`; undefined when all agree. */
export function disagreement(said: Agreement): string | undefined {
  const entries = (['dhcp', 'script', 'init', 'agent'] as const).flatMap(place => {
    const id = said[place];
    return id === undefined ? [] : [{ place, id }];
  });
  if (new Set(entries.map(entry => entry.id)).size < 2) return undefined;
  return entries.map(entry => `${entry.place} says ${entry.id}`).join(', ');
}
