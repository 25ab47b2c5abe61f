import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import { imageFolder } from '../../scripts/room/room.ts';
import { emptyDisk, linuxDisk } from '../fixtures/guests/linux.ts';
import { ALDER, BIRCH, Lab, PATIENCE } from '../fixtures/lab/lab.ts';

const HELLO = 'hello from the ISO';
const FILES = ['speaker.iso', 'obedient.iso', 'empty.qcow2', 'linux.qcow2'];

/** On alder: does not hear the power button; its disk is kept. */
const SPEAKER = {
  'platform.memory.size': '64M',
  'platform.cpu.threads': 1,
  'platform.volume.0.type': 'iso',
  'platform.volume.0.path': '/tmp/isos/speaker.iso',
  'platform.volume.0.source': 'http://host0/isos/speaker.iso',
  'platform.volume.1.type': 'qcow2',
  'platform.volume.1.path': '/srv/kept.qcow2',
  'platform.volume.1.source': 'http://host0/isos/empty.qcow2',
  'platform.volume.1.writable': 1,
  'platform.volume.1.ephemeral': 0,
  'runtime.boot': '0,1',
  'runtime.console.id': 3,
};

/** On alder: ends by its power button; its disk goes with it, and it does not come back by itself. */
const SCRATCH = {
  'platform.memory.size': '64M',
  'platform.cpu.threads': 1,
  'platform.volume.0.type': 'iso',
  'platform.volume.0.path': '/tmp/isos/obedient.iso',
  'platform.volume.0.source': 'http://host0/isos/obedient.iso',
  'platform.volume.1.type': 'qcow2',
  'platform.volume.1.path': '/tmp/disks/scratch.qcow2',
  'platform.volume.1.source': 'http://host0/isos/empty.qcow2',
  'platform.volume.1.writable': 1,
  'network.0.type': 'bridge',
  'network.0.bridge': 'br0',
  'runtime.boot': '0,1',
  'runtime.console.type': 'serial-socket',
  'runtime.autostart': 0,
  'placement.node': ALDER.name,
};

/** On alder; takes 6 s on a slow network. */
const BIG = {
  'platform.memory.size': '64M',
  'platform.cpu.threads': 1,
  'platform.volume.0.type': 'iso',
  'platform.volume.0.path': '/tmp/isos/big.iso',
  'platform.volume.0.source': 'http://host0/isos/big.iso',
  'placement.node': ALDER.name,
};

/** On birch. */
const LINUX = {
  'platform.memory.size': '128M',
  'platform.cpu.threads': 1,
  'platform.volume.0.type': 'qcow2',
  'platform.volume.0.path': '/tmp/linux.qcow2',
  'platform.volume.0.source': 'http://host0/isos/linux.qcow2',
  'network.0.type': 'bridge',
  'network.0.bridge': 'br0',
  'network.1.type': 'nat',
};

describe('two nodes, three workloads', () => {
  const lab = new Lab();

  beforeAll(async () => {
    await lab.open(ALDER, BIRCH);
    const at = (name: string): string => join(lab.made, name);
    writeFileSync(at('speaker.iso'), speakerIso(HELLO));
    writeFileSync(at('obedient.iso'), speakerIso(HELLO, { obeysPowerButton: true }));
    emptyDisk(at('empty.qcow2'));
    linuxDisk(imageFolder(), at('linux.qcow2'));
    writeFileSync(join(lab.isos, 'big.iso'), speakerIso(HELLO));
    truncateSync(join(lab.isos, 'big.iso'), 60 << 20);
    lab.workload('speaker', SPEAKER);
    lab.workload('scratch', SCRATCH);
    lab.workload('linux', LINUX);
    lab.workload('big', BIG);
  }, PATIENCE * 2);
  afterAll(() => lab.close());

  test('images are added and listed', async () => {
    for (const name of FILES) await lab.mesh('iso', 'add', join(lab.made, name));
    const { isos } = JSON.parse(await lab.mesh('iso', 'list', '--json'));
    expect(isos.map((iso: { name: string }) => iso.name)).toEqual([...FILES, 'big.iso'].toSorted());
  });

  test('a dry start prints where it would go and the command line of QEMU, and changes nothing on the node', async () => {
    const printed = await lab.mesh('workload', 'start', '-w', 'speaker', '-n', ALDER.name, '--dry-run');
    expect(printed).toMatch(/^# speaker goes to alder\n/);
    expect(printed).toMatch(/^qemu-system-x86_64 .*-accel kvm -cpu host -smp 1 .*port=7903,/m);
    expect(await lab.onNode(ALDER, 'ls -d /tmp/pxen/speaker-1 /tmp/isos /srv/kept.qcow2 2>&1 | wc -l')).toBe(
      '3',
    );
    expect(await lab.onNode(ALDER, 'pidof qemu-system-x86_64 || echo none')).toBe('none');
  });

  test('a download puts the very files on the node, and a second one finds them there', async () => {
    const fetched = (lines: Awaited<ReturnType<Lab['verb']>>): number[] => [
      ...new Set(lines.flatMap(line => ('progress' in line ? [line.progress.volume] : []))),
    ];
    expect(fetched(await lab.verb('download', 'speaker', '-n', ALDER.name))).toEqual([0, 1]);
    expect(fetched(await lab.verb('download', 'speaker', '-n', ALDER.name))).toEqual([]);
    const sum = 'sha256sum /tmp/isos/speaker.iso /srv/kept.qcow2 | cut -c1-64';
    const wanted = await lab.output(
      'sums',
      `cd ${lab.made} && sha256sum speaker.iso empty.qcow2 | cut -c1-64`,
    );
    expect(await lab.onNode(ALDER, sum)).toBe(wanted.trimEnd());
  });

  test('three workloads start on two nodes at the same time, with KVM', async () => {
    const starts = await Promise.all([
      lab.verb('start', 'speaker', '-n', ALDER.name),
      lab.verb('start', 'scratch'),
      lab.verb('start', 'linux', '-n', BIRCH.name),
    ]);
    const ends = starts.map(lines => lines.at(-1));
    expect(ends).toMatchObject([
      {
        workload: 'speaker',
        node: ALDER.id,
        done: { status: { state: 'running', accel: 'kvm', console: { type: 'serial-tcp', port: 7903 } } },
      },
      {
        workload: 'scratch',
        node: ALDER.id,
        done: { status: { state: 'running', accel: 'kvm', console: { type: 'serial-socket' } } },
      },
      {
        workload: 'linux',
        node: BIRCH.id,
        done: { status: { state: 'running', accel: 'kvm', console: { type: 'serial-tcp', port: 7900 } } },
      },
    ]);
    console.log(starts.map(told).join('\n'));
  });

  test('the string of the ISO comes through port 7903 of the node', async () => {
    const address = await lab.addressOf(ALDER);
    const reader = lab.run('reader', `sleep 60 | busybox nc ${address} 7903`);
    await reader.saw(new RegExp(`${HELLO} [0-9A-F]{4} 01\r\n`), PATIENCE);
    await reader.stop();
  });

  test.each(['speaker', 'scratch'])('the console of %s works both ways', async name => {
    const typing = '(printf x; sleep 20)';
    const console = lab.run(`console-${name}`, `${typing} | ${lab.meshHere} workload console -w ${name}`);
    await console.saw(/heard x\r\n/, PATIENCE);
    await console.saw(new RegExp(`${HELLO} [0-9A-F]{4} 01\r\n`), PATIENCE);
    await console.stop();
  });

  test('a paused guest says nothing, and a resumed one goes on where it was', async () => {
    await lab.verb('pause', 'speaker');
    expect((await lab.view('speaker')).state).toBe('paused');
    const [before, , later] = [await lab.serial('speaker'), await sleep(1000), await lab.serial('speaker')];
    expect(later).toBe(before);
    await lab.verb('resume', 'speaker');
    expect((await lab.view('speaker')).state).toBe('running');
    const next = (lastNumber(before) + 3).toString(16).toUpperCase().padStart(4, '0');
    await lab.heard('speaker', new RegExp(`${HELLO} ${next} 01`));
    const numbers = numbersIn(await lab.serial('speaker'));
    expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index));
  });

  test('what a workload uses is told', async () => {
    const { status } = await lab.becomes('scratch', view => (view.status?.usage?.diskReadBytes ?? 0) > 0);
    expect(status?.usage).toMatchObject({
      cpuSeconds: expect.any(Number),
      memoryBytes: expect.any(Number),
      diskWrittenBytes: 512,
      networkReceivedBytes: expect.any(Number),
      networkSentBytes: expect.any(Number),
    });
    expect(status?.usage?.cpuSeconds).toBeGreaterThan(0.1);
    expect(status?.usage?.memoryBytes).toBeGreaterThan(16 << 20);
    expect(status?.usage?.memoryBytes).toBeLessThan(512 << 20);
    // On the network, figures that name a workload want the API token.
    const socket = join(lab.room.root, 'run/pxen/pxend.sock');
    const metrics = await lab.output('metrics', `curl -s --unix-socket ${socket} http://pxend/metrics`);
    for (const name of ['speaker', 'scratch', 'linux'])
      expect(metrics).toMatch(new RegExp(`^pxen_workload_\\S*workload="${name}"\\S* [0-9.e+]+$`, 'm'));
  });

  test("a qcow2 with Debian's kernel boots to userland, with a network on the bridge and one behind the node", async () => {
    const [, seconds] = await lab.heard('linux', /guest: userland is up after ([\d.]+) s/);
    console.log(`Debian's kernel needed ${seconds} s to userland in a guest of a guest`);
    await lab.heard('linux', /guest: eth0 has 10\.77\.0\.1\d\d/);
    await lab.heard('linux', /guest: eth1 has 10\.0\.2\.15/);
    await lab.type('linux', 'ping 10.77.0.1\nhello?\n');
    await lab.heard('linux', /guest: 10\.77\.0\.1 answers/);
    await lab.heard('linux', /guest: heard hello\?/);
  });

  test('its power button ends it, and everything of it is gone', async () => {
    expect((await lab.verb('soft-stop', 'linux', '-t', '60')).at(-1)).toMatchObject({ done: {} });
    expect(await lab.view('linux')).toMatchObject({ state: 'stopped', desired: 'stopped' });
    expect(await lab.onNode(BIRCH, LEFT_OVERS)).toBe('');
  });

  test('stop shuts a guest down that hears it; its ephemeral volumes and its tap go', async () => {
    const steps = (await lab.verb('stop', 'scratch')).flatMap(line => ('step' in line ? [line.step] : []));
    expect(steps).toEqual(['shutdown', 'clear']);
    expect(await lab.onNode(ALDER, 'ls /tmp/isos /tmp/disks; ls /sys/class/net | grep ^px || true')).toBe(
      '/tmp/disks:\n\n/tmp/isos:\nspeaker.iso',
    );
  });

  test('stop ends a guest that does not hear it; its persistent volume stays and is used again', async () => {
    const steps = (await lab.verb('stop', 'speaker', '-t', '1')).flatMap(line =>
      'step' in line ? [line.step] : [],
    );
    expect(steps).toEqual(['shutdown', 'quit', 'clear']);
    expect(await lab.onNode(ALDER, 'ls /srv /tmp/isos; ss -Hltn "sport >= 7900 and sport < 8000"')).toBe(
      '/srv:\nkept.qcow2\nkept.qcow2.pxen\n\n/tmp/isos:',
    );
    await Promise.all([lab.verb('start', 'speaker'), lab.verb('start', 'scratch')]);
    await lab.heard('speaker', new RegExp(`${HELLO} [0-9A-F]{4} 02`));
    await lab.heard('scratch', new RegExp(`${HELLO} [0-9A-F]{4} 01`));
  });

  test('restart takes the file as it is now: a screen on port 5905 instead of the serial port', async () => {
    lab.workload('scratch', { ...SCRATCH, 'runtime.console.type': 'vnc', 'runtime.console.id': 5 });
    expect(await lab.view('scratch')).toMatchObject({ state: 'running', changed: true });
    const { done } = (await lab.verb('restart', 'scratch')).at(-1) as { done: { status: object } };
    expect(done.status).toMatchObject({ state: 'running', console: { type: 'vnc', port: 5905 } });
    const address = await lab.addressOf(ALDER);
    const screen = lab.run('screen', `sleep 60 | busybox nc ${address} 5905`);
    await screen.saw(/^RFB 003\.008\n/, PATIENCE);
    await screen.stop();
    await lab.heard('scratch', new RegExp(`${HELLO} [0-9A-F]{4} 01`));
    await lab.verb('stop', 'scratch');
    await lab.verb('start', 'scratch');
  });

  test('a persistent volume never takes the place of a file that somebody else put there', async () => {
    const file = lab.workload('foreign', {
      ...SPEAKER,
      'platform.volume.1.path': '/srv/foreign.qcow2',
      'runtime.console.id': 4,
    });
    await lab.onNode(ALDER, 'echo mine >/srv/foreign.qcow2');
    const { code, stderr } = await lab.refusal('workload', 'start', '-w', 'foreign', '-n', ALDER.name);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: [
        `mesh: foreign: ${file.replace(lab.room.root, '')}: 1 problem`,
        `  ${file.replace(lab.room.root, '')}:9: platform.volume.1.path: got "/srv/foreign.qcow2", expected no file there, or one that this workload placed itself, because platform.volume.1.ephemeral=0`,
        '',
      ].join('\n'),
    });
    expect(await lab.onNode(ALDER, 'cat /srv/foreign.qcow2; ls /tmp/isos')).toBe(
      'mine\nobedient.iso\nspeaker.iso',
    );
  });

  test('a node that is reset gets its workloads back; what was stopped, or has autostart=0, stays away', async () => {
    await lab.slow(true);
    const download = lab.room.mesh('workload', 'download', '-w', 'big');
    await lab.hasBegun(ALDER, BIG['platform.volume.0.path'], 5 << 20);
    await lab.onNode(ALDER, '(sleep 0.5; reboot -f) >/dev/null 2>&1 &');
    const from = performance.now();
    await lab.slow(false);
    await lab.isReady(ALDER, 2);
    const seconds = (): string => ((performance.now() - from) / 1000).toFixed(1);
    console.log(`the node is back ${seconds()} s after its reset`);
    // Its disk was in the memory of the node: it starts with a new one.
    await lab.becomes('speaker', view => view.state === 'running');
    await lab.heard('speaker', new RegExp(`${HELLO} [0-9A-F]{4} 01`));
    console.log(`its workload speaks again after ${seconds()} s`);
    const { code, stderr } = await download;
    expect({ code, stderr }).toEqual({ code: 69, stderr: expect.stringMatching(/^mesh: big: /) });
    expect(await lab.view('scratch')).toMatchObject({ state: 'stopped' });
    expect(await lab.view('linux')).toMatchObject({ state: 'stopped' });
    expect(await lab.onNode(ALDER, 'ls /tmp/pxen; pidof qemu-system-x86_64 | wc -w')).toBe('speaker-1\n1');
  });

  test('stop ALL leaves nothing on the nodes', async () => {
    await lab.mesh('workload', 'stop', '-w', 'ALL', '--now');
    for (const node of [ALDER, BIRCH]) expect(await lab.onNode(node, LEFT_OVERS)).toBe('');
  });
});

/** Everything that a workload could leave on its node. */
const LEFT_OVERS = [
  'ps | grep [g]uest=',
  'ls /sys/class/net | grep ^px',
  'ss -Hltn "sport >= 7900 and sport < 8000"',
  'find /tmp/isos /tmp/disks /tmp/*.qcow2 /tmp/pxen/*/*.sock -type f 2>/dev/null',
  'true',
].join('; ');

/** The running numbers of the lines that the speaker said. */
function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(new RegExp(`${HELLO} ([0-9A-F]{4})`, 'g')), ([, hex = '']) =>
    parseInt(hex, 16),
  );
}

function lastNumber(text: string): number {
  return numbersIn(text).at(-1) ?? Number.NaN;
}

/** The steps of a start with their milliseconds. */
function told(lines: Awaited<ReturnType<Lab['verb']>>): string {
  const steps = lines.flatMap(line => ('step' in line ? [`${line.step} ${line.milliseconds} ms`] : []));
  return `${lines[0]?.workload}: ${steps.join(', ')}`;
}
