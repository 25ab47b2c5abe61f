/** The number that a device of a foreign configuration gets, and its alias where its name is not made of that number. */
export interface Numbered {
  readonly id: number;
  readonly alias?: string | undefined;
}

/** Most that a key takes as a number. */
const MOST = 999;

/**
 * Numbers for devices that have names alone, ascending in their order: `vol3` of the prefix `vol` is 3, other names
 * are counted on.
 */
export function numbered(names: readonly string[], prefix: string): Numbered[] {
  let next = 0;
  return names.map((name, at) => {
    const own = ownNumber(name, prefix);
    const following = names.length - 1 - at;
    const id = own !== undefined && own >= next && own + following <= MOST ? own : next;
    next = id + 1;
    return `${prefix}${id}` === name ? { id } : { id, alias: name };
  });
}

function ownNumber(name: string, prefix: string): number | undefined {
  const digits = prefix !== '' && name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^(0|[1-9]\d{0,2})$/.test(digits) ? Number(digits) : undefined;
}
