import { KEY_PATTERNS, KEYS, type Key } from './keys.ts';

/** The key table of docs/workloads.md; a test keeps the page equal to it. */
export function workloadKeyTable(): string {
  const rows = KEY_PATTERNS.map(pattern => {
    const { about, example, expected, fallback, required }: Key<unknown> = KEYS[pattern];
    const absent = required ? 'required' : fallback === undefined ? '' : `\`${fallback}\``;
    return [`\`${pattern}\``, absent, `\`${example}\``, `${about} Expects ${expected}.`];
  });
  const head = ['key', 'default', 'example', 'meaning'];
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}
