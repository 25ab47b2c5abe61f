import { join } from 'node:path';
import { packageRoot } from '../io/files/package.ts';

/** A unit that starts this very installation. */
export function systemdUnit(root: string): string {
  const launcher = join(packageRoot(), 'scripts/pxend');
  return [
    '[Unit]',
    'Description=pxen netboot appliance',
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    `ExecStart=${launcher} --root ${root}`,
    'Restart=always',
    'RestartSec=1',
    'TimeoutStopSec=5',
    'NoNewPrivileges=true',
    'ProtectHome=read-only',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ].join('\n');
}
