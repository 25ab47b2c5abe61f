import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { assertGuarded, machineRoot, PACKAGE, run, SHELLS, write } from './shell.ts';

const SCRIPT = join(PACKAGE, 'apkovl/usr/lib/pxen/lease-event');

/** Stands for iproute2: writes down what is changed, and shows the address that is held. */
const IP = `#!/bin/sh
case "$*" in
  *show*) echo '2: pxtest0    inet 10.0.2.15/24 scope global pxtest0' ; echo '2: pxtest0    inet 10.9.9.9/32 scope global pxtest0' ;;
  *) echo "$*" >>"$ROOT/log" ;;
esac
`;

describe.each(SHELLS)('lease-event under %s', (...shell) => {
  assertGuarded(SCRIPT);

  function event(name: string, lease: Readonly<Record<string, string>>) {
    const root = machineRoot({ 'run/pxen/lease-address': '10.0.2.15\n', log: '' });
    write(join(root, 'mock'), IP, 0o755);
    const { out } = run(shell, [SCRIPT, name], {
      ROOT: root,
      MOCK: join(root, 'mock'),
      interface: 'pxtest0',
      mask: '24',
      ...lease,
    });
    const text = (file: string) => readFileSync(join(root, file), 'utf8').trimEnd();
    return { out, did: text('log'), held: text('run/pxen/lease-address') };
  }

  test.each(['deconfig', 'leasefail', 'nak'])('%s changes nothing', name => {
    expect(event(name, {})).toEqual({ out: '', did: '', held: '10.0.2.15' });
  });

  test.each(['bound', 'renew'])('%s with the address that is held changes nothing', name => {
    expect(event(name, { ip: '10.0.2.15' })).toEqual({ out: '', did: '', held: '10.0.2.15' });
  });

  test('another address comes before the old one goes, and other addresses stay', () => {
    expect(event('bound', { ip: '10.0.2.77', router: '10.0.2.2 10.0.2.3' })).toEqual({
      out: 'pxen-lease: the address changes from 10.0.2.15 to 10.0.2.77\n',
      did: [
        'ip addr replace 10.0.2.77/24 dev pxtest0',
        'ip addr del 10.0.2.15/24 dev pxtest0',
        'ip route replace default via 10.0.2.2 dev pxtest0',
      ].join('\n'),
      held: '10.0.2.77',
    });
  });
});
