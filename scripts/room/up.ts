/** `scripts/up`: a machine room on this computer, to look at and to play with. */
import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { speakerIso } from './guests/speaker.ts';
import type { MachineSpec } from './machine.ts';
import { sweepAbandoned } from './network.ts';
import type { RoomProcess } from './process.ts';
import { imageFolder, PROJECT, Room } from './room.ts';

const ROOT = join(PROJECT, '.up');

/** `91d5815f` is the id of this UUID; test/vectors/genid.json has the pair. */
const TULIP: MachineSpec = {
  name: 'tulip',
  uuid: '11223344-5566-7788-99aa-bbccddeeff00',
  mac: '52:54:00:77:00:01',
  firmware: 'bios',
  memory: 1024,
  cpus: 1,
  reboots: true,
};
const STRANGER: MachineSpec = {
  name: 'stranger',
  uuid: '4c4c4544-0042-3510-8054-b7c04f4e3332',
  mac: '52:54:00:77:00:02',
  firmware: 'uefi',
  memory: 1024,
  cpus: 1,
  reboots: true,
};
const NODE_IDS = ['91d5815f', '6e6da274'];
/** Far beyond what two machines need on two slow cores, milliseconds. */
const PATIENCE = 180_000;

const started = performance.now();

function say(text: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(6);
  process.stdout.write(`${seconds} s  ${text}\n`);
}

/** The files an admin would write for a machine called tulip, and for everybody. */
function writeHost0(room: Room): void {
  room.write('host0/machines/tulip/UUID', '91d5815f\n');
  room.write('host0/machines/tulip/groups', 'greeting\n');
  room.write(
    'host0/machines/tulip/manifest',
    '# This machine only.\nD MODE=root:root:0755 TGT=/srv/flowers\n',
  );
  room.write(
    'host0/groups/greeting/manifest',
    'O MODE=root:root:0644 SRC=/host0/groups/greeting/motd TGT=/etc/motd\n',
  );
  room.write(
    'host0/groups/greeting/motd',
    'Welcome. This machine has no disk; its system came over the network.\n',
  );
}

/** A virtual machine of an admin: its file, and its ISO among the images that nodes fetch. */
async function writeWorkload(room: Room): Promise<void> {
  const iso = join(room.root, 'hello.iso');
  writeFileSync(iso, speakerIso('hello from a diskless node', { obeysPowerButton: true }));
  const added = await room.mesh('iso', 'add', iso);
  if (added.code !== 0) throw new Error(`hello.iso was not added: ${added.stderr}`);
  room.write(
    'var/pxen/monoliths/hello.conf',
    [
      '# Goes on saying hello on its serial port.',
      'name=hello',
      'uuid=hello-1',
      'platform.memory.size=64M',
      'platform.cpu.threads=1',
      'platform.volume.0.type=iso',
      'platform.volume.0.path=/tmp/hello.iso',
      'platform.volume.0.source=http://host0/isos/hello.iso',
      '',
    ].join('\n'),
  );
}

async function show(room: Room, once: boolean, told: AbortSignal): Promise<void> {
  for (const name of sweepAbandoned()) say(`removed ${name}, left behind by a room that was killed`);
  room.open();
  room.installImage(imageFolder());
  writeHost0(room);
  await writeWorkload(room);
  say('network namespace, bridge and boot files are ready');
  await room.startPxend();
  say('pxend serves DHCP, TFTP and HTTP on 10.77.0.1');
  const machines = [TULIP, STRANGER].map(machine => {
    say(`machine ${machine.name} is switched on (${machine.firmware.toUpperCase()}, no disk)`);
    return room.powerOn(machine);
  });
  await Promise.race([nodesUp(room, told), ...[room.pxend, ...machines].map(unexpectedEnd)]);
  say('both nodes are up\n');
  process.stdout.write((await room.mesh('node', 'info')).stdout);
  if (once || told.aborted) return;
  process.stdout.write(whatNext());
  await new Promise(resolve => told.addEventListener('abort', resolve));
}

/** Rejects when a process ends that should run on: nobody has to wait for nodes that cannot come. */
async function unexpectedEnd(child: RoomProcess): Promise<never> {
  const code = await child.ended();
  throw new Error(
    `${child.name} ended with ${code}; its last lines:\n${child.output.trimEnd().split('\n').slice(-10).join('\n')}`,
  );
}

/** A room of somebody else in the same folder would lose its files under its feet. */
function isRunning(): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(join(ROOT, 'run/pxen/pxend.sock'));
    probe.once('error', () => resolve(false));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
}

/** Follows the boots, one line for each new step, until both agents have reported. */
async function nodesUp(room: Room, told: AbortSignal): Promise<void> {
  const seen = new Map<string, string>();
  const deadline = performance.now() + PATIENCE;
  while (!told.aborted) {
    const answer = await room.mesh('node', 'info', '--json');
    const { nodes = [] } = JSON.parse(answer.stdout || '{}') as {
      nodes?: { id: string; state: string; stage?: string }[];
    };
    for (const node of nodes) {
      const step = node.state === 'up' ? 'agent reports in' : (node.stage ?? node.state);
      if (seen.get(node.id) !== step) say(`  ${node.id}  ${step}`);
      seen.set(node.id, step);
    }
    if (NODE_IDS.every(id => nodes.some(node => node.id === id && node.state === 'up'))) return;
    if (performance.now() > deadline) throw new Error(`the nodes did not come up; see ${room.logs}`);
    await new Promise(resolve => setTimeout(resolve, 500));
  }
}

function whatNext(): string {
  const mesh = `sudo ${join(PROJECT, 'scripts/mesh')} --root ${ROOT}`;
  return [
    '',
    'In another terminal, try:',
    `  ${mesh} node info 91d5815f             # one node in full, and how it booted`,
    `  ${mesh} node ctl -n ALL "uname -a"     # a command on every node`,
    `  ${mesh} node ctl -n tulip "cat /etc/motd"`,
    `  ${mesh} workload start hello -n tulip  # a virtual machine on it`,
    `  ${mesh} workload console hello         # what it says; leave with ctrl-]`,
    `  ${mesh} overlay show tulip             # what its files are and where they come from`,
    `  ls ${ROOT}/host0/machines/tulip; edit, then reboot the node: ${mesh} node ctl -n tulip reboot`,
    `  tail -f ${ROOT}/var/log/tulip.log     # its serial console`,
    '',
    'Ctrl-C ends the room and cleans up.',
    '',
  ].join('\n');
}

async function main(): Promise<number> {
  const told = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => told.abort());
  if (await isRunning()) {
    process.stderr.write(`up: another scripts/up runs in ${ROOT}; end it with Ctrl-C first\n`);
    return 1;
  }
  rmSync(ROOT, { recursive: true, force: true });
  const room = new Room({ root: ROOT });
  let status = 0;
  try {
    await show(room, process.argv.includes('--once'), told.signal);
  } catch (error) {
    process.stderr.write(`up: ${error instanceof Error ? error.message : error}\n`);
    status = 1;
  }
  say('cleaning up');
  await room.close();
  // After a failure the logs stay for whoever looks for the reason.
  if (status === 0) rmSync(ROOT, { recursive: true, force: true });
  return status;
}

process.exit(await main());
