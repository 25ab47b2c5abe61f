import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { finishDraft } from '../../../../../src/domain/vm/draft.ts';
import { EXPORT_FORMATS, IMPORT_FORMATS } from '../../../../../src/domain/vm/formats.ts';
import { stratovirtConfig } from '../../../../../src/domain/vm/stratovirt/config.ts';
import { stratovirtArgv } from '../../../../../src/domain/vm/stratovirt/words.ts';
import { formatWorkload } from '../../../../../src/domain/workload/format.ts';
import { parseWorkload } from '../../../../../src/domain/workload/parse.ts';
import type { Workload } from '../../../../../src/domain/workload/workload.ts';
import { commandLine } from '../../../../../src/io/exec.ts';
import { exportSettings, importOptions, machineOf } from '../../../../fakes/machines.ts';
import { stratovirtWorkload } from '../../../../fakes/workloads.ts';

type Name = 'stratovirt-cli' | 'stratovirt-json';

const SEEDS = join(import.meta.dirname, '../../../../golden/imports');
const SEED_JSON = readFileSync(join(SEEDS, 'seed.stratovirt-json'), 'utf8');

function imported(text: string, format: Name, more: Parameters<typeof importOptions>[1] = {}): Workload {
  const draft = IMPORT_FORMATS[format].read(text, importOptions('vm', more));
  const { problems, workload } = finishDraft(draft, 'f');
  expect(problems).toEqual([]);
  if (!workload) throw new Error('an import without problems has no workload');
  return workload;
}

function exported(workload: Workload, format: Name): string {
  const rendering = EXPORT_FORMATS[format].render(machineOf(workload), exportSettings);
  if ('text' in rendering) return rendering.text;
  const [program = '', ...words] = 'argv' in rendering ? rendering.argv : [];
  return commandLine(program, words);
}

describe('SV-26: what the source document shows comes out as it went in', () => {
  test('the JSON example, less omit_vm_memory (X-8)', () => {
    const { 'machine-config': machine, ...rest } = JSON.parse(SEED_JSON);
    const { omit_vm_memory: _old, ...kept } = machine;
    expect(JSON.parse(exported(imported(SEED_JSON, 'stratovirt-json'), 'stratovirt-json'))).toEqual({
      ...rest,
      'machine-config': kept,
    });
  });

  test('the command line example, with what it leaves to StratoVirt written out', () => {
    const workload = imported(readFileSync(join(SEEDS, 'seed.stratovirt-cli'), 'utf8'), 'stratovirt-cli');
    expect(stratovirtArgv(machineOf(workload))).toEqual([
      'stratovirt',
      ...['-name', 'vm'],
      ...['-kernel', '/path/to/vmlinux.bin'],
      ...['-append', 'console=ttyS0 root=/dev/vda rw reboot=k panic=1'],
      ...['-smp', '1', '-m', '256M'],
      ...['-drive', 'id=rootfs,file=/home/rootfs.ext4,readonly=false,direct=true'],
      ...['-api-channel', `unix:/tmp/pxen/${workload.uuid}/qmp.sock`],
      ...['-serial', 'stdio'],
    ]);
  });

  test('the JSON example says the same on a command line', () => {
    const fromJson = imported(SEED_JSON, 'stratovirt-json');
    expect(imported(exported(fromJson, 'stratovirt-cli'), 'stratovirt-cli', { uuid: fromJson.uuid })).toEqual(
      fromJson,
    );
  });
});

/** What an import of the JSON can know: the rest is in the notes of the export. */
function carried(workload: Workload): Workload {
  const { bridge } = importOptions('vm');
  return {
    ...workload,
    name: 'vm',
    image: undefined,
    vsock: workload.vsock && {
      ...workload.vsock,
      cid: workload.vsock.cid === 'auto' ? 3 : workload.vsock.cid,
    },
    iothreads: workload.iothreads,
    volumes: workload.volumes.map(volume => ({
      ...volume,
      source: undefined,
      sha256: undefined,
      ephemeral: false,
      format: undefined,
      interface: undefined,
      direct: volume.direct || undefined,
    })),
    nics: workload.nics.map(nic => ({ ...nic, bridge, switch: undefined, ip: undefined, qos: undefined })),
    console: { type: 'serial-tcp' },
    powerState: undefined,
    tags: undefined,
    controlIp: undefined,
    autostart: true,
    placement: {},
  };
}

describe('SV-26: both generators lose nothing that they can carry', () => {
  const property = (check: (workload: Workload) => void): void =>
    fc.assert(fc.property(stratovirtWorkload, check), { numRuns: 60 });

  test('what is exported keeps every rule of the engine', () => {
    property(workload => {
      expect(parseWorkload(formatWorkload(workload), 'f').problems).toEqual([]);
    });
  });

  test('through JSON and back', () => {
    property(workload => {
      const again = imported(exported(workload, 'stratovirt-json'), 'stratovirt-json', {
        uuid: workload.uuid,
      });
      expect(again).toEqual(carried(workload));
    });
  });

  test('through a command line and back, with the name and the pause', () => {
    property(workload => {
      const again = imported(exported(workload, 'stratovirt-cli'), 'stratovirt-cli', { uuid: workload.uuid });
      const { name, powerState } = workload;
      expect(again).toEqual({ ...carried(workload), name, powerState });
    });
  });

  test('every key that does not come back is in the notes', () => {
    property(workload => {
      for (const format of ['stratovirt-json', 'stratovirt-cli'] as const) {
        const { carriage, render } = EXPORT_FORMATS[format];
        const told = render(machineOf(workload), exportSettings).notes.map(({ key }) => key);
        const again = formatWorkload(imported(exported(workload, format), format, { uuid: workload.uuid }));
        const lost = formatWorkload(workload)
          .trimEnd()
          .split('\n')
          .filter(line => !again.includes(`${line}\n`))
          .map(line => line.slice(0, line.indexOf('=')));
        const silent = lost.filter(key => !told.some(note => note === key || key.startsWith(`${note}.`)));
        // These say what is the case without them: direct=0, auto, virtio and raw.
        const known = /\.(direct|cid|interface|format)$/;
        expect([carriage.carries.size > 0, silent.filter(key => !known.test(key))]).toEqual([true, []]);
      }
    });
  });
});

test('SV-24: read_only and direct are always there, and direct is off where nobody asks for it', () => {
  const { workload } = parseWorkload(
    `name=a\nuuid=a\nplatform.engine=stratovirt\nplatform.memory.size=1G\nplatform.cpu.threads=1
platform.kernel.image=/k\nplatform.kernel.initrd=/i\nplatform.volume.0.type=qcow2\nplatform.volume.0.path=/a\n`,
    'f',
  );
  if (!workload) throw new Error('the file has problems');
  expect(stratovirtConfig(machineOf(workload)).drive).toEqual([
    { drive_id: 'vol0', path_on_host: '/a', direct: false, read_only: true },
  ]);
});

test.each([
  ['{"omit_vm_memory": true}', false],
  ['{"omit_vm_memory": false}', undefined],
  ['{"dump_guest_core": false}', false],
  ['{"dump_guest_core": false, "omit_vm_memory": true}', false],
  ['{"mem-share": true}', undefined],
])('X-8: %s', (machine, dump) => {
  const workload = imported(
    `{"boot-source": {"kernel_image_path": "/k", "initrd_fs_path": "/i"}, "machine-config": ${machine}}`,
    'stratovirt-json',
  );
  expect([workload.memory.dump, workload.memory.share]).toEqual([
    dump,
    machine.includes('share') || undefined,
  ]);
  expect(stratovirtConfig(machineOf(workload))['machine-config']).not.toHaveProperty('omit_vm_memory');
  expect(stratovirtConfig(machineOf(workload))['machine-config']).not.toHaveProperty('mem-share');
});

test('a value that would become another line is none', () => {
  const draft = IMPORT_FORMATS['stratovirt-json'].read(
    '{"boot-source": {"kernel_image_path": "/k\\nplatform.bios=/x", "initrd_fs_path": " /i"}}',
    importOptions('vm'),
  );
  expect(finishDraft(draft, 'f').problems.map(({ expected, got, key }) => [key, got, expected])).toEqual([
    ['boot-source.kernel_image_path', '"/k\\nplatform.bios=/x"', 'no control characters'],
    ['boot-source.initrd_fs_path', '" /i"', 'no blanks at its ends'],
  ]);
});

test('names and uuid: what is asked for, else what is given, else made', () => {
  const line = 'stratovirt -name given -kernel /k -initrd /i -api-channel unix:/s';
  expect(imported(line, 'stratovirt-cli')).toMatchObject({
    name: 'given',
    uuid: '2619f834-5bcc-5153-a733-e58866fcc6c9',
  });
  expect(imported(line, 'stratovirt-cli', { name: 'asked', uuid: 'u1' })).toMatchObject({
    name: 'asked',
    uuid: 'u1',
  });
  expect(imported(line.replace('-name given', ''), 'stratovirt-cli').name).toBe('vm');
});
