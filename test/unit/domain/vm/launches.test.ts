import { describe, expect, test } from 'vitest';
import { AGENT_ENGINES } from '../../../../src/domain/vm/capabilities.ts';
import { LAUNCHERS, launcherOf } from '../../../../src/domain/vm/launches.ts';
import { qemuArgv } from '../../../../src/domain/vm/qemu/argv.ts';
import { stratovirtArgv } from '../../../../src/domain/vm/stratovirt/words.ts';
import { machineOf, workloadOf } from '../../../fakes/machines.ts';

const machine = (engine: string, ...keys: string[]) =>
  machineOf(
    workloadOf(
      [
        ...['name=web', 'uuid=w1', `platform.engine=${engine}`, 'platform.memory.size=1G'],
        ...['platform.cpu.threads=1', 'platform.kernel.image=/k', 'platform.kernel.initrd=/i', ...keys, ''],
      ].join('\n'),
    ),
  );

describe('a launch', () => {
  test.each(['qemu', 'microvm'] as const)('of %s has the command that is exported, and QMP', engine => {
    const of = machine(engine);
    expect(launcherOf(engine).launch(of)).toEqual({
      by: 'process',
      argv: qemuArgv(of),
      powerButton: true,
      serial: 'served',
      qmp: { pipelining: true, blockStats: true },
    });
  });

  test('of StratoVirt has no power button, and its serial port on its standard input and output', () => {
    const of = machine('stratovirt', 'runtime.power-state=paused');
    const launch = launcherOf('stratovirt').launch(of);
    expect(launch).toEqual({
      by: 'process',
      argv: stratovirtArgv(of),
      powerButton: 'StratoVirt has no power button',
      serial: 'stdio',
      qmp: { pipelining: false, blockStats: false },
    });
    expect(launch.argv.slice(-5)).toEqual([
      '-api-channel',
      'unix:/tmp/pxen/w1/qmp.sock',
      '-S',
      '-serial',
      'stdio',
    ]);
  });
});

describe('the mark of a process', () => {
  /** Whether these words of a command line bear it. */
  const isBorne = (
    engine: 'qemu' | 'stratovirt',
    [program = '', ...words]: readonly string[],
    uuid = 'w1',
  ): boolean => {
    const mark = launcherOf(engine).mark({ folder: `/tmp/pxen/${uuid}`, rfcUuid: '' });
    return program.includes(mark.program) && words.some(word => word.includes(mark.word));
  };

  test.each(['qemu', 'stratovirt'] as const)(
    'of %s is on its own command, and on that of no other machine',
    engine => {
      const { argv } = launcherOf(engine).launch(machine(engine));
      expect([isBorne(engine, argv), isBorne(engine, argv, 'w2'), isBorne(engine, ['sh', ...argv])]).toEqual([
        true,
        false,
        false,
      ]);
    },
  );

  test('tells engines from each other', () => {
    const { argv } = launcherOf('stratovirt').launch(machine('stratovirt'));
    expect(isBorne('qemu', argv)).toBe(false);
  });
});

test('of a workload whose file is lost, every engine still makes a launch', () => {
  const workload = { ...machine('qemu').workload, memory: { bytes: 0 }, kernel: undefined };
  for (const engine of AGENT_ENGINES) {
    const lost = machineOf({ ...workload, engine }, { facts: {} });
    expect(LAUNCHERS[engine]?.launch(lost).argv).not.toEqual([]);
  }
});
