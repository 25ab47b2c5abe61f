import { join } from 'node:path';
import { packageRoot } from '../io/files/package.ts';

/**
 * A unit that starts this very installation with the options that were given beside --systemd-unit.
 * It never gives up: a network card may get its address minutes after the start.
 */
export function systemdUnit(options: readonly string[]): string {
  const command = [join(packageRoot(), 'scripts/pxend'), ...options].map(quoted).join(' ');
  return [
    '[Unit]',
    'Description=pxen netboot appliance',
    'Wants=network-online.target',
    'After=network-online.target',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    `ExecStart=${command}`,
    'Restart=always',
    'RestartSec=5',
    'TimeoutStopSec=5',
    'NoNewPrivileges=true',
    'ProtectHome=read-only',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ].join('\n');
}

/** As systemd.syntax(7) and systemd.service(5) want it: % and $ doubled, anything unusual in quotes. */
function quoted(word: string): string {
  const text = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@%+=:,./$-]+$/.test(text)) return text;
  return `"${text.replace(/["\\]/g, match => `\\${match}`)}"`;
}
