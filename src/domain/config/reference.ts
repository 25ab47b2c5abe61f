import { flagOf, SETTING_PATHS, SETTINGS, type SettingPath, variableOf } from './settings.ts';

/** The settings table of docs/configuration.md; a test keeps the page equal to it. */
export function configurationTable(): string {
  const rows = SETTING_PATHS.map(path => [
    `\`${path}\``,
    `\`${variableOf(path)}\``,
    `\`${flagOf(path)}\``,
    fallbackText(path) === '' ? '' : `\`${fallbackText(path)}\``,
    `${SETTINGS[path].about} Expects ${SETTINGS[path].expected}.`,
  ]);
  const head = ['key', 'environment', 'flag', 'default', 'meaning'];
  return [head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`).join('\n');
}

/** The default as a user would write it. */
export function fallbackText(path: SettingPath): string {
  const fallback: unknown = SETTINGS[path].fallback;
  return Array.isArray(fallback)
    ? fallback.length === 0
      ? ''
      : `[${fallback.join(', ')}]`
    : String(fallback);
}
