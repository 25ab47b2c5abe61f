import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../../../src/base/bytes.ts';
import { finishDraft } from '../../../../../src/domain/vm/draft.ts';
import { EXPORT_FORMATS, IMPORT_FORMATS } from '../../../../../src/domain/vm/formats.ts';
import { imageOf } from '../../../../../src/domain/vm/minimega/dictionary.ts';
import { formatWorkload } from '../../../../../src/domain/workload/format.ts';
import { parseWorkload } from '../../../../../src/domain/workload/parse.ts';
import { interfaceName } from '../../../../../src/domain/workload/values.ts';
import type { Nic, Volume, Workload } from '../../../../../src/domain/workload/workload.ts';
import { sha256 } from '../../../../../src/io/sha256.ts';
import { exportSettings, importOptions, machineOf } from '../../../../fakes/machines.ts';
import { minimegaWorkload } from '../../../../fakes/workloads.ts';

const SAMPLE = readFileSync(join(import.meta.dirname, '../../../../golden/imports/seed.minimega'), 'utf8');
const LEAST = 'name=web\nuuid=u1\nplatform.memory.size=1G\nplatform.cpu.threads=1\n';

function imported(text: string): Workload {
  const { problems, workload } = finishDraft(IMPORT_FORMATS.minimega.read(text, importOptions('vm')), 'f');
  expect(problems).toEqual([]);
  if (!workload) throw new Error('an import without problems has no workload');
  return workload;
}

function exported(workload: Workload, settings: Partial<typeof exportSettings> = {}): string {
  const rendering = EXPORT_FORMATS.minimega.render(machineOf(workload), { ...exportSettings, ...settings });
  if (!('text' in rendering)) throw new Error('a dictionary is a text');
  return rendering.text;
}

function parsed(lines: string): Workload {
  const { problems, workload } = parseWorkload(`${LEAST}${lines}`, 'f', 'any');
  if (!workload) throw new Error(problems.map(({ message }) => message).join('\n'));
  return workload;
}

describe('FW-1: the sample of the source document', () => {
  test('comes out key for key, in its order; only the random uuid of the handler is another one', () => {
    const again = JSON.parse(exported(imported(SAMPLE)));
    const { uuid } = again.aux.handler_process;
    const sample = JSON.parse(SAMPLE);
    sample.aux.handler_process.uuid = uuid;
    expect(JSON.stringify(again, null, 4)).toBe(JSON.stringify(sample, null, 4));
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('FW-24: base and namespace are chosen', () => {
    const { aux } = JSON.parse(exported(imported(SAMPLE), { base: '/srv/mm', namespace: 'lab' }));
    expect(aux.qga_config.path).toBe(
      '/srv/mm/namespaces/lab/8c993d3a-2cf7-4429-8e98-75b16c2cd26c/virtio-serial0',
    );
    expect(aux.minimegaqmp.path).toBe('/srv/mm/namespaces/lab/8c993d3a-2cf7-4429-8e98-75b16c2cd26c/qmp');
  });
});

describe('what FIREWHEEL takes where nobody says it', () => {
  const least = (vm: object, aux: object = {}): string =>
    JSON.stringify({ aux, vm: { architecture: 'x86_64', ...vm } });

  test('FW-5 to FW-9: memory, model, processors, screen, power', () => {
    expect(imported(least({}))).toMatchObject({
      name: 'vm',
      memory: { bytes: 512 * 1024 ** 2 },
      cpu: { threads: 1, mode: 'qemu64' },
      volumes: [],
      nics: [],
    });
    expect(imported(least({}))).not.toMatchObject({ vga: expect.anything() });
  });

  test('FW-5: each of the processor keys by itself', () => {
    const { cpu } = imported(least({ smp_threads: 2, vcpu_model: 'Penryn-v1' }));
    expect(cpu).toEqual({
      threads: 2,
      mode: 'Penryn-v1',
      topology: { sockets: 1, cores: 1, threads: 2 },
    });
    expect(imported(least({ smp_cores: 3 })).cpu).toEqual({ threads: 3, mode: 'qemu64' });
  });

  test('FW-11, FW-18: drivers, interfaces and caches; what is said wins', () => {
    const nic = { switch_name: 'br0', mac: '00:00:00:00:00:01', qos: {} };
    const { nics, volumes } = imported(
      least(
        {},
        {
          nic: [nic, { ...nic, mac: '00:00:00:00:00:02', driver: 'e1000', type: 'tap' }],
          disks: [
            { path: 'a', file: 'a' },
            { path: 'b', file: 'b', interface: 'ide', cache: 'none' },
          ],
        },
      ),
    );
    expect(nics.map(({ driver, id }) => [id, driver])).toEqual([
      [0, undefined],
      [1, 'e1000'],
    ]);
    expect(volumes.map(volume => [volume.path, volume.interface, volume.cache])).toEqual([
      ['/tmp/a', undefined, undefined],
      ['/tmp/b', 'ide', 'none'],
    ]);
  });
});

describe('what cannot be had in minimega is refused', () => {
  const refusals = (lines: string, format: 'minimega' | 'minimega-script' = 'minimega'): string[] =>
    EXPORT_FORMATS[format].refuse?.(parsed(lines)).map(({ expected, key }) => `${key}: ${expected}`) ?? [];

  test.each([
    ['FW-29: a name that is no host name', 'name', ['w-1.net'], ['a_b', 'a b', 'a,b', 'Röntgen']],
    ['FW-3: memory that is not whole MiB', 'memory', ['1M', '2048K'], ['1025K']],
    [
      'FW-19: a path that a comma would end',
      'path',
      ['/srv/a=b.qcow2'],
      ['/srv/a,b', '/srv/a b', '/srv/a#b', '/srv/a"b'],
    ],
    ['FW-25: a tag that is a key of minimega', 'tag', ['role', 'Memory'], ['memory', 'qemu_append', 'name']],
    ['FW-20: an option that blanks would part', 'append', ['base=localtime', ''], ['a b', 'a"b']],
  ])('%s', (_rule, what, good, bad) => {
    const lines: Record<string, (value: string) => [lines: string, message: string]> = {
      name: () => ['', ''],
      memory: () => ['', ''],
      path: value => [
        `platform.volume.3.type=qcow2\nplatform.volume.3.path=${value}\n`,
        'platform.volume.3.path: a path without commas, blanks, quotes, backslashes and #, which end it for minimega',
      ],
      tag: value => [
        `runtime.tag.${value}=x\n`,
        `runtime.tag.${value}: another tag than "${value}", which is a key of minimega`,
      ],
      append: value => [
        `runtime.append.rtc=${value}\n`,
        'runtime.append.rtc: a value without blanks, quotes, backslashes and #: FIREWHEEL joins all of them with blanks',
      ],
    };
    for (const value of [...good, ...bad]) {
      const [text = '', message = ''] = lines[what]?.(value) ?? [];
      const workload = parsed(text);
      const refused = EXPORT_FORMATS.minimega.refuse?.({
        ...workload,
        ...(what === 'name' ? { name: value } : {}),
        ...(what === 'memory' ? { memory: parsedMemory(value) } : {}),
      });
      const said = refused?.map(({ expected, key }) => `${key}: ${expected}`);
      const expected =
        what === 'name'
          ? 'name: a host name of letters, digits, dots and hyphens, as minimega takes it'
          : what === 'memory'
            ? 'platform.memory.size: whole MiB, minimega counts in them'
            : message;
      expect([value, said]).toEqual([value, bad.includes(value) ? [expected] : []]);
    }
  });

  function parsedMemory(size: string): Workload['memory'] {
    const { workload } = parseWorkload(LEAST.replace('1G', size), 'f', 'any');
    if (!workload) throw new Error(`${size} is no size`);
    return workload.memory;
  }

  test('the script quotes options, and knows no tags of its own', () => {
    expect(refusals('runtime.append.rtc=a b\nruntime.tag.memory=x\n', 'minimega-script')).toEqual([]);
  });
});

/** What the dictionary has a place for: the rest is in the notes of the export. */
function carried(workload: Workload): Workload {
  const { cpu, memory, name, placement, uuid, volumes } = workload;
  const disks = volumes.filter(({ type }) => type === 'qcow2');
  const { topology } = cpu;
  const isPlain = topology?.sockets === 1 && topology.threads === 1;
  return {
    name,
    uuid,
    engine: 'qemu',
    arch: workload.arch,
    memory: { bytes: memory.bytes },
    cpu: { ...cpu, topology: isPlain ? undefined : topology },
    bios: workload.bios,
    image: workload.image === imageOf({ volumes: disks }) ? undefined : workload.image,
    volumes: disks.map(carriedDisk),
    nics: workload.nics.filter(({ type }) => type === 'bridge').map(carriedNic),
    console: { type: 'serial-tcp' },
    vga: workload.vga,
    powerState: workload.powerState,
    qga: workload.qga,
    append: workload.append,
    tags: workload.tags,
    controlIp: workload.controlIp,
    autostart: true,
    placement: { coschedule: placement.coschedule },
  };
}

function carriedDisk({ cache, direct, id, path, ...volume }: Volume): Volume {
  const mode = cache ?? (direct ? 'none' : undefined);
  const bus = volume.interface === 'virtio' ? undefined : volume.interface;
  const place = { id, type: 'qcow2', path, writable: true, ephemeral: true } as const;
  return { ...place, interface: bus, cache: mode === 'writeback' ? undefined : mode };
}

function carriedNic({ bridge = '', driver, id, ip, mac, qos, tap, ...nic }: Nic): Nic {
  const name = nic.switch ?? bridge;
  const isBridge = 'value' in interfaceName(name);
  const made = `sw${toHex(sha256(new TextEncoder().encode(name))).slice(0, 10)}`;
  const network = isBridge ? { bridge: name } : { bridge: made, switch: name };
  return { id, type: 'bridge', ...network, mac, driver, tap, ip, qos };
}

describe('import(export(w)) is w, as far as the dictionary carries it', () => {
  const property = (check: (workload: Workload) => void): void =>
    fc.assert(fc.property(minimegaWorkload.filter(comesBack), check), { numRuns: 60 });

  /** What comes back is a workload for QEMU, which cannot do all that minimega has words for. */
  const comesBack = (workload: Workload): boolean =>
    parseWorkload(formatWorkload(carried(workload)), 'f').problems.length === 0;

  test('there and back', () => {
    property(workload => {
      expect(EXPORT_FORMATS.minimega.refuse?.(workload)).toEqual([]);
      expect(imported(exported(workload))).toEqual(carried(workload));
    });
  });

  test('every key that does not come back is in the notes', () => {
    property(workload => {
      const { notes } = EXPORT_FORMATS.minimega.render(machineOf(workload), exportSettings);
      const again = formatWorkload(imported(exported(workload)));
      const silent = formatWorkload(workload)
        .trimEnd()
        .split('\n')
        .filter(line => !again.includes(`${line}\n`))
        .map(line => line.slice(0, line.indexOf('=')))
        .filter(key => !notes.some(note => note.key === key || key.startsWith(`${note.key}.`)));
      // What says the default, or the same in other words: cores alone, cache=none, a switch that can be a bridge.
      const known = /\.(topology\.\w+|direct|interface|cache|switch|image)$/;
      expect(silent.filter(key => !known.test(key))).toEqual([]);
    });
  });
});

describe('FW-30: the script', () => {
  const script = (lines: string): string[] => {
    const rendering = EXPORT_FORMATS['minimega-script'].render(machineOf(parsed(lines)), exportSettings);
    return 'text' in rendering ? rendering.text.split('\n') : [];
  };

  test.each([
    ['network.0.qos.rate=5\nnetwork.0.qos.unit=kbit\n', ['qos add web 0 rate 5 kbit']],
    ['network.0.qos.loss=0.5\n', ['qos add web 0 loss 0.5']],
    [
      'network.0.qos.loss=1\nnetwork.0.qos.delay=1s\n',
      ['qos add web 0 loss 1', 'qos add web 0 delay 1000ms'],
    ],
  ])('%j', (lines, commands) => {
    const all = script(`network.0.type=bridge\nnetwork.0.bridge=br0\n${lines}`);
    expect(all.filter(line => line.startsWith('qos'))).toEqual(commands);
    expect(all.indexOf('vm launch kvm web')).toBeLessThan(all.indexOf(commands[0] ?? ''));
  });

  test('interfaces are counted as minimega counts them, without those behind NAT', () => {
    const lines = `network.3.type=nat\nnetwork.5.type=bridge\nnetwork.5.bridge=br0\nnetwork.5.qos.loss=1\n`;
    expect(script(lines)).toContain('qos add web 0 loss 1');
  });

  test('what minimega would part or take for a comment is quoted', () => {
    const lines = 'runtime.tag.note=a "b" \\ #c\nruntime.append.rtc=x y\nruntime.append.no-reboot=\n';
    expect(script(lines)).toContain('vm config tags note "a \\"b\\" \\\\ #c"');
    expect(script(lines)).toContain('vm config qemu-append -no-reboot -rtc "x y"');
  });

  test('a disk that may change and stays turns snapshots off, a paused one is not started', () => {
    const disk = 'platform.volume.0.type=qcow2\nplatform.volume.0.path=/a\nplatform.volume.0.writable=1\n';
    expect(script(disk)).toContain('vm config snapshot true');
    expect(script(`${disk}platform.volume.0.ephemeral=0\n`)).toContain('vm config snapshot false');
    expect(script(disk)).toContain('vm start web');
    expect(script(`${disk}runtime.power-state=paused\n`)).not.toContain('vm start web');
  });
});
