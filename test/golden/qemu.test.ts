import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { qemuArgv } from '../../src/domain/vm/qemu/argv.ts';
import { goldenMachine, goldenNames, QEMU_GOLDENS } from '../fakes/machines.ts';

/** `name.argv` has one argument a line. A new `name.conf` is a new test; UPDATE_GOLDEN=1 writes the second file. */
describe('workloads and the QEMU commands that run them', () => {
  test.each(goldenNames)('%s', name => {
    const path = join(QEMU_GOLDENS, `${name}.argv`);
    const argv = `${qemuArgv(goldenMachine(name)).join('\n')}\n`;
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, argv);
    expect(argv, `${name}.argv differs; if the new text is right: UPDATE_GOLDEN=1`).toBe(readFileSync(path, 'utf8'));
  });
});
