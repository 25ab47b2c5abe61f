import { describe, expect, test } from 'vitest';
import { engineList } from '../../../../src/cli/commands/engine.ts';
import { CAPABILITIES, ENGINES } from '../../../../src/domain/vm/capabilities.ts';
import { screen } from '../screen.ts';

describe('mesh engine list', () => {
  test('prints engines, capabilities and limits in columns', async () => {
    const shown = screen();
    expect(await engineList(shown.context)).toBe(0);
    const [engines = '', capabilities = '', limits = ''] = shown.out.split('\n\n');
    expect(engines.split('\n').map(line => line.split(/ {2,}/).slice(0, 2))).toEqual([
      ['ENGINE', 'RUNS'],
      ['qemu', 'agent'],
      ['microvm', 'agent'],
      ['stratovirt', 'agent'],
      ['libvirt', 'agent'],
    ]);
    const rows = capabilities.split('\n').map(line => line.split(/ {2,}/));
    expect(rows[0]).toEqual(['CAPABILITY', 'QEMU', 'MICROVM', 'STRATOVIRT', 'LIBVIRT']);
    expect(rows).toContainEqual(['CD-ROMs', 'yes', 'no', 'no', 'yes']);
    expect(rows).toHaveLength(CAPABILITIES.length + 1);
    expect(limits).toContain('stratovirt  platform.memory.size: 256M to 512G, a multiple of 1M\n');
    expect(limits).toContain('stratovirt  at most 6 volumes: it has slots for so many\n');
  });

  test('with --json it is the table itself', async () => {
    const shown = screen({ json: true });
    expect(await engineList(shown.context)).toBe(0);
    const { engines, capabilities } = JSON.parse(shown.out);
    expect(engines.map(({ engine }: { engine: string }) => engine)).toEqual([...ENGINES]);
    expect(capabilities).toEqual(JSON.parse(JSON.stringify(CAPABILITIES)));
  });
});
