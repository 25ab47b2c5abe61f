import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MachineSpec } from '../../scripts/room/machine.ts';
import type { RoomProcess } from '../../scripts/room/process.ts';
import { imageFolder, PROJECT, Room } from '../../scripts/room/room.ts';
import { decodePcapng } from '../../src/wire/pcap/read.ts';

/** The ids are those of test/vectors/genid.json. */
const GOOD = { id: '91d5815f', uuid: '11223344-5566-7788-99aa-bbccddeeff00', mac: '52:54:00:77:00:01' };
const LOST = { id: '6e6da274', uuid: '4c4c4544-0042-3510-8054-b7c04f4e3332', mac: '52:54:00:77:00:02' };
const PATIENCE = 120_000;

const room = new Room();

function machine(name: string, { mac, uuid }: typeof GOOD): MachineSpec {
  return { name, uuid, mac, firmware: 'bios', memory: 1024, cpus: 1 };
}

/** `mesh node trace --follow`, begun before the machine was ever seen. */
function follow(name: string, node: string): RoomProcess {
  return room.spawn(name, [
    join(PROJECT, 'scripts/mesh'),
    '--root',
    room.root,
    'node',
    'trace',
    node,
    '--follow',
  ]);
}

/** What tcpdump makes of a capture, one line a packet; it says nothing else when the file is sound. */
function tcpdump(file: string, ...filter: string[]): string[] {
  const { status, stdout, stderr } = spawnSync('tcpdump', ['-n', '-vv', '-r', file, ...filter], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  expect({ status, stderr: stderr.replace(/^reading from file .*\n/, '') }).toEqual({
    status: 0,
    stderr: '',
  });
  expect(stdout).not.toMatch(/bad (udp )?cksum|incorrect|truncated|malformed/);
  return stdout.split('\n');
}

beforeAll(async () => {
  room.open();
  room.installImage(imageFolder());
  await room.startPxend('--boot-transport', 'tftp');
});
afterAll(() => room.close());

describe('the flight recorder', () => {
  test('trace --follow waits for a machine that nobody has seen, and ends with its agent', async () => {
    const trace = follow('follow-good', GOOD.mac);
    await trace.saw(/waiting for 52:54:00:77:00:01 to be switched on/, 10_000);
    const good = room.powerOn(machine('good', GOOD));
    await trace.saw(/power-on \(first DISCOVER\) to the agent/, PATIENCE);
    expect(await trace.ended()).toBe(0);
    const steps = trace.output
      .split('\n')
      .flatMap(line => /^([a-zA-Z][\w ]{0,15}?) +\d+\.\d\d /.exec(line)?.[1] ?? []);
    expect(steps.filter(step => !/^(firmware|machine|iPXE (starts|configures))$/.test(step))).toEqual([
      ...['iPXE DHCP', 'script', 'kernel', 'initramfs', 'kernel to init', 'init DHCP'],
      ...['root', 'overlay', 'OpenRC', 'system DHCP', 'OpenRC to agent', 'agent'],
    ]);
    expect(good.running).toBe(true);
  });

  test('the waterfall has sizes, rates and the total', async () => {
    const { stdout } = await room.mesh('node', 'trace', GOOD.id);
    console.log(stdout);
    expect(stdout).toMatch(/^kernel +[\d.]+ +[\d.]+ +[\d.]+ MiB +[\d.]+ MiB\/s +\d+ +#+$/m);
    expect(stdout).toMatch(/^[\d.]+ s from power-on \(first DISCOVER\) to the agent\./m);
    expect(Math.max(...stdout.split('\n').map(line => line.length))).toBeLessThanOrEqual(80);
    const { trace, diagnosis } = JSON.parse((await room.mesh('node', 'trace', GOOD.id, '--json')).stdout);
    expect({ total: trace.total > 1000, diagnosis }).toEqual({ total: true, diagnosis: undefined });
  });

  test('pcap: tcpdump finds DHCP, TFTP and HTTP of the last boot, all checksums right', async () => {
    const file = join(room.root, 'good.pcapng');
    expect(await room.mesh('node', 'pcap', GOOD.id, '-o', file)).toMatchObject({ code: 0, stderr: '' });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const capture = decodePcapng(readFileSync(file));
    if ('problem' in capture) throw new Error(capture.problem);
    const comments = capture.packets.flatMap(packet => packet.comment ?? []);
    console.log(`${capture.packets.length} packets, ${statSync(file).size} bytes; ${comments.join('; ')}`);
    const all = tcpdump(file).join('\n');
    for (const sign of [
      'BOOTP/DHCP, Request',
      'BOOTP/DHCP, Reply',
      'RRQ "boot/vmlinuz"',
      'GET /boot/root.squashfs',
    ])
      expect(all).toContain(sign);
    expect(tcpdump(file, 'udp', 'port', '69').length).toBeGreaterThan(3);
    expect(comments.some(comment => /datagrams before this one, .* MiB, were left out/.test(comment))).toBe(
      true,
    );
    // The boot token opens an overlay: it is in no HTTP head of the file.
    expect(Buffer.from(readFileSync(file)).includes('Bearer (left out)')).toBe(false);
  });

  test('status says what there is, and the exit status is 0', async () => {
    const { code, stdout } = await room.mesh('system', 'status');
    console.log(stdout);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^nodes +1 up$/m) });
  });

  test('a machine whose kernel is missing gets the sentence that says so', async () => {
    const kernel = join(room.root, 'srv/pxen/http/boot/vmlinuz');
    renameSync(kernel, `${kernel}.gone`);
    const trace = follow('follow-lost', LOST.id);
    room.powerOn(machine('lost', LOST));
    await trace.saw(/most likely the file is not in \/srv\/pxen\/http\/boot/, PATIENCE);
    await trace.stop();
    const { stdout } = await room.mesh('node', 'info');
    expect(stdout).toMatch(
      /^6e6da274 .*The last step was the boot script, \d+ s ago: the kernel was refused: /m,
    );
    renameSync(`${kernel}.gone`, kernel);
  });
});
