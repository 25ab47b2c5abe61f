import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { speakerIso } from '../../scripts/room/guests/speaker.ts';
import { domainXml } from '../../src/domain/vm/libvirt/domain.ts';
import { hostLookCommand, parseHostLook } from '../../src/domain/vm/libvirt/host-look.ts';
import { type DomainSight, lookCommand, parseLook } from '../../src/domain/vm/libvirt/look.ts';
import { storageCommands } from '../../src/domain/vm/libvirt/pools.ts';
import { complaintOf, DOMAIN, isNoDomain } from '../../src/domain/vm/libvirt/virsh.ts';
import type { Machine } from '../../src/domain/vm/machine.ts';
import { machineOf, workloadOf } from '../fakes/machines.ts';
import { InsideShell, Libvirtd, until, whyNoLibvirtd } from './libvirtd.ts';

const reason = whyNoLibvirtd();
if (reason !== undefined) console.log(`skipped: ${reason}`);

const TIMEOUT = { timeout: 60_000 };

describe.skipIf(reason !== undefined)('a real libvirtd', () => {
  const daemon = new Libvirtd();
  const shell = new InsideShell(daemon);
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'domains-'));
    writeFileSync(
      join(folder, 'speaker.iso'),
      speakerIso('hello from libvirt\r\n', { obeysPowerButton: true }),
    );
    writeFileSync(join(folder, 'deaf.iso'), speakerIso('hello from libvirt\r\n'));
    await daemon.start();
  }, 120_000);
  afterAll(async () => {
    await daemon.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A machine of this file, its state folder made. */
  function made(name: string, lines: readonly string[]): Machine {
    const head = [`name=${name}`, `uuid=lv-${name}`, 'platform.engine=libvirt', 'platform.memory.size=64M'];
    const text = [...head, 'platform.cpu.threads=1', 'platform.cpu.mode=max', ...lines].join('\n');
    const state = join(folder, `state-${name}`);
    mkdirSync(state, { recursive: true });
    return machineOf(workloadOf(text), { accel: 'tcg', folder: state });
  }

  async function must(argv: readonly string[], input?: string): Promise<string> {
    const end = await shell.run(argv, { timeout: 60_000, input });
    if (end.exitCode !== 0) throw new Error(complaintOf(end.stderr) ?? end.stderr);
    return end.stdout;
  }

  async function sight(uuid: string): Promise<DomainSight | undefined> {
    return parseLook(await must(lookCommand([uuid])))[0];
  }

  const boot = (iso = 'speaker.iso'): string[] => [
    'platform.volume.0.type=iso',
    `platform.volume.0.path=${join(folder, iso)}`,
  ];

  test(
    'defines, starts, freezes, thaws, shuts down and undefines a domain whose guest really speaks',
    TIMEOUT,
    async () => {
      const machine = made('life', [...boot(), 'runtime.console.type=serial-socket']);
      const { rfcUuid: uuid } = machine;
      const note = JSON.stringify({ text: 'of "ours" <&> %41\n' });
      await must(DOMAIN.define(), domainXml(machine, { run: note }));
      expect((await sight(uuid))?.life.state).toBe('ended');
      await must(DOMAIN.start(uuid, true));
      expect((await sight(uuid))?.life).toEqual({ state: 'paused', problem: undefined });
      await must(DOMAIN.resume(uuid));
      const log = join(machine.folder, 'serial.log');
      await until(
        'the guest says nothing',
        () => existsSync(log) && readFileSync(log, 'utf8').includes('hello from libvirt'),
      );
      const running = await sight(uuid);
      expect(running).toMatchObject({
        uuid,
        life: { state: 'running' },
        mark: { workload: 'lv-life', run: note },
      });
      expect(running?.usage?.cpuSeconds).toBeGreaterThan(0);
      expect(running?.usage?.memoryBytes).toBeGreaterThan(1024 * 1024);
      await must(DOMAIN.suspend(uuid));
      expect((await sight(uuid))?.life.state).toBe('paused');
      await must(DOMAIN.resume(uuid));
      await must(DOMAIN.shutdown(uuid, true));
      await until('the guest does not shut down', () =>
        daemon.virsh('domstate', uuid).startsWith('shut off'),
      );
      expect((await sight(uuid))?.life).toEqual({ state: 'ended', end: 'the guest shut down' });
      await must(DOMAIN.undefine(uuid));
      const gone = await shell.run(DOMAIN.state(uuid), { timeout: 10_000 });
      expect(isNoDomain(gone.stderr)).toBe(true);
      expect(await sight(uuid)).toBeUndefined();
    },
  );

  test(
    'sees that a QEMU was killed behind its back, and that somebody destroyed a domain',
    TIMEOUT,
    async () => {
      const machine = made('victim', [...boot('deaf.iso'), 'runtime.console.type=serial-socket']);
      const { rfcUuid: uuid } = machine;
      await must(DOMAIN.define(), domainXml(machine));
      await must(DOMAIN.start(uuid, false));
      daemon.run('kill', '-KILL', daemon.qemu('victim'));
      await until('libvirt does not notice', () => daemon.virsh('domstate', uuid).startsWith('shut off'));
      expect((await sight(uuid))?.life).toEqual({ state: 'ended', end: 'QEMU ended by itself' });
      await must(DOMAIN.start(uuid, false));
      await must(DOMAIN.destroy(uuid, true));
      expect((await sight(uuid))?.life).toEqual({
        state: 'ended',
        end: 'somebody destroyed it through libvirt',
      });
      await must(DOMAIN.undefine(uuid));
    },
  );

  test(
    'gives the guest what the file says: asked of libvirt and of QEMU, not read from the XML',
    TIMEOUT,
    async () => {
      execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', join(folder, 'disk.qcow2'), '16M']);
      const machine = made('equipped', [
        ...boot(),
        'platform.volume.1.type=qcow2',
        `platform.volume.1.path=${join(folder, 'disk.qcow2')}`,
        ...['platform.volume.1.writable=1', 'platform.volume.1.iops=200', 'platform.volume.1.iothread=fast'],
        ...['platform.volume.1.serial=disk-1', 'platform.volume.1.cache=none'],
        ...['platform.iothread.0=slow', 'platform.iothread.1=fast', 'platform.balloon=deflate-on-oom'],
        ...['network.0.type=bridge', 'network.0.bridge=br0', 'network.0.mac=52:54:00:00:00:01'],
        ...['runtime.console.virtio.0.path=extra.sock', 'runtime.qga=1', 'runtime.console.id=1'],
      ]);
      const { folder: state, nics, rfcUuid: uuid } = machine;
      await must(DOMAIN.define(), domainXml(machine));
      await must(DOMAIN.start(uuid, true));
      expect(daemon.virsh('blkdeviotune', uuid, 'vda')).toMatch(/^total_iops_sec *: 200$/m);
      expect(daemon.virsh('iothreadinfo', uuid).match(/^ *\d+ /gm)).toHaveLength(2);
      const asked = (command: string): unknown =>
        JSON.parse(daemon.virsh('qemu-monitor-command', uuid, JSON.stringify({ execute: command })))[
          'return'
        ];
      expect(asked('query-iothreads')).toHaveLength(2);
      expect(asked('query-balloon')).toEqual({ actual: 64 * 1024 * 1024 });
      expect(asked('query-kvm')).toMatchObject({ enabled: false });
      expect(JSON.stringify(asked('query-block'))).toContain('"iops":200');
      const chardevs = JSON.stringify(asked('query-chardev'));
      expect(chardevs).toContain(`${state}/extra.sock`);
      expect(chardevs).toContain(`${state}/qga.sock`);
      expect(chardevs).toContain('0.0.0.0:7901');
      const tap = nics[0]?.tap ?? '';
      expect(daemon.virsh('domiflist', uuid)).toContain(tap);
      expect(JSON.parse(daemon.run('ip', '-j', 'link', 'show', tap))[0].master).toBe('br0');
      await must(DOMAIN.destroy(uuid, false));
      await must(DOMAIN.undefine(uuid));
      expect(daemon.run('ls', '/sys/class/net')).not.toContain(tap);
    },
  );

  test('takes pools and disks as the document names them', TIMEOUT, async () => {
    const at = (pool: string): string => join(folder, pool);
    const disk = (id: number, pool: string): string[] => [
      `platform.volume.${id}.type=qcow2`,
      `platform.volume.${id}.path=${at(pool)}/disk-${id}.qcow2`,
      ...[
        `platform.volume.${id}.pool=${pool}`,
        `platform.volume.${id}.size=8M`,
        `platform.volume.${id}.writable=1`,
      ],
    ];
    const pools = ['ticrypt-vm', 'ticrypt-vm-drives', 'ticrypt-bricks', 'ticrypt-vm-snapshots'];
    const machine = made('stored', [
      ...pools.flatMap((pool, index) => disk(index, pool)),
      'runtime.console.type=serial-socket',
    ]);
    for (const [program = '', ...args] of storageCommands(machine)) {
      expect(program).toBe('virsh');
      daemon.virsh(...args);
    }
    const listed = daemon.virsh('pool-list', '--all', '--persistent');
    for (const pool of pools) expect(listed).toMatch(new RegExp(`^ ${pool} +active +yes`, 'm'));
    expect(daemon.virsh('vol-list', 'ticrypt-vm-drives')).toContain('disk-1.qcow2');
    await must(DOMAIN.define(), domainXml(machine));
    await must(DOMAIN.start(machine.rfcUuid, true));
    expect(daemon.virsh('domblklist', machine.rfcUuid)).toMatch(/vdd +disk-3.qcow2/);
    await must(DOMAIN.destroy(machine.rfcUuid, false));
    await must(DOMAIN.undefine(machine.rfcUuid));
  });

  test('takes the domains of the golden files', TIMEOUT, async () => {
    const golden = join(import.meta.dirname, '../golden/engines');
    for (const name of ['libvirt', 'four-worlds', 'mesh', 'firewheel']) {
      const [xml = ''] = readFileSync(join(golden, `${name}.libvirt`), 'utf8').split('# notes\n');
      if (!xml.startsWith('<domain')) continue;
      const uuid = /<uuid>(.*)<\/uuid>/.exec(xml)?.[1] ?? '';
      await must(DOMAIN.define(), xml);
      expect(parseLook(await must(lookCommand([uuid])))).toMatchObject([{ uuid, mark: { run: undefined } }]);
      await must(DOMAIN.undefine(uuid));
    }
  });

  test('tells of the host what placements and rules need', TIMEOUT, async () => {
    const present = join(folder, "it's a file");
    writeFileSync(present, '');
    const facts = parseHostLook(await must(hostLookCommand([present, '/nowhere'])));
    expect(facts).toMatchObject({ arch: 'x86_64', bridges: ['br0'], existingPaths: [present], domains: [] });
    expect(facts?.interfaces).toEqual(['br0', 'lo']);
    expect(facts?.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
    expect(facts?.memAvailableKiB).toBeGreaterThan(1024);
    expect(facts?.threads).toBeGreaterThan(0);
  });

  test('refuses what is no domain, in words that reach the user', TIMEOUT, async () => {
    const end = await shell.run(DOMAIN.define(), {
      timeout: 10_000,
      input: '<domain type="qemu"><nmae/></domain>',
    });
    expect(end.exitCode).toBe(1);
    expect(complaintOf(end.stderr)).toMatch(/XML document failed to validate against schema|Did not expect/);
  });
});
