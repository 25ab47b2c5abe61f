import { randomBytes } from 'node:crypto';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SPARE_DEVICE } from '../../scripts/room/machine.ts';
import { imageFolder } from '../../scripts/room/room.ts';
import { guestAgent } from '../fixtures/guests/agent.ts';
import { emptyDisk, LINUX_APPEND, linuxInitramfs } from '../fixtures/guests/linux.ts';
import { vsockProgram } from '../fixtures/guests/vsock.ts';
import { ALDER, Lab, PATIENCE } from '../fixtures/lab/lab.ts';

/** With a device to hand out. */
const NODE = { ...ALDER, iommu: true };
/** Bytes of the file that guests fetch. */
const PARCEL = 1_000_000;
/** Pages of 2 MiB that the node reserves. */
const PAGES = 100;
const MICRO_FOLDER = '/tmp/pxen/micro-1';

/** Everything that the smallest board takes, on a slow and lossy network. */
const MICRO = {
  'platform.engine': 'microvm',
  'platform.memory.size': '128M',
  'platform.cpu.threads': 1,
  'platform.kernel.image': '/srv/vm/vmlinuz',
  'platform.kernel.initrd': '/srv/vm/initrd.gz',
  'platform.kernel.append': LINUX_APPEND,
  'platform.balloon': 'deflate-on-oom',
  'platform.vsock.cid': 'auto',
  'platform.iothread.0': 'io0',
  'platform.volume.0.type': 'qcow2',
  'platform.volume.0.path': '/tmp/disks/micro.qcow2',
  'platform.volume.0.source': 'http://host0/isos/empty.qcow2',
  'platform.volume.0.iops': 50,
  'platform.volume.0.iothread': 'io0',
  'network.0.type': 'bridge',
  'network.0.bridge': 'br0',
  'network.0.qos.delay': 50,
  'network.0.qos.loss': 10,
  'runtime.console.virtio.0.path': 'text.sock',
  'placement.node': NODE.name,
};

/** The board of a PC, in huge pages, with an agent in the guest, on a network of 4 Mbit/s. */
const HUGE = {
  'platform.memory.size': '192M',
  'platform.memory.hugepages': '/dev/hugepages',
  'platform.cpu.threads': 1,
  'platform.kernel.image': '/srv/vm/vmlinuz',
  'platform.kernel.initrd': '/srv/vm/agent.gz',
  'platform.kernel.append': LINUX_APPEND,
  'network.0.type': 'bridge',
  'network.0.bridge': 'br0',
  'network.0.qos.rate': 4,
  'runtime.qga': 1,
  'placement.node': NODE.name,
};

/** The example of checklist 5.7. */
const FOUR_WORLDS = readFileSync(join(import.meta.dirname, '../golden/engines/four-worlds.conf'), 'utf8');
const SPARE_DRIVER = `basename $(readlink /sys/bus/pci/devices/${SPARE_DEVICE}/driver)`;
/** A device of the node under the name that the example asks for. */
const HARDWARE = `
pxen.vm {
  cost-functions.simple { vcpus { curve = linear, slope = 1, base = 0 }, devices { nvidia-gpu { curve = constant, value = 1 } } }
  hardware-profiles.gpu-node {
    cores = 4, memory = 4 GiB, cost-function = simple
    devices = [ { type = nvidia-gpu, addr = "${SPARE_DEVICE}" } ]
  }
}
`;
const REALM = 'disabled = off, driver = pxen, name = "Lab", drives.lazy-allocation = on\n';

describe('what engines can do, with KVM on a node', () => {
  const lab = new Lab();

  beforeAll(async () => {
    lab.room.write('host0/hardware.conf', HARDWARE);
    lab.room.write('host0/realms/lab.conf', REALM);
    await lab.open(NODE);
    const at = (name: string): string => join(lab.isos, name);
    linuxInitramfs(imageFolder(), at('initrd.gz'));
    linuxInitramfs(imageFolder(), at('agent.gz'), guestAgent);
    vsockProgram(at('vsock'));
    cpSync(join(import.meta.dirname, '../fixtures/guests/talk.mjs'), at('talk.mjs'));
    emptyDisk(at('empty.qcow2'));
    await lab.output('parcel', `head -c ${PARCEL} /dev/urandom >${at('parcel')}`);
    const files = [
      'boot/vmlinuz',
      ...['initrd.gz', 'agent.gz', 'vsock', 'talk.mjs'].map(name => `isos/${name}`),
    ];
    const fetches = files.map(file => `wget -q http://10.77.0.1/${file}`).join(' && ');
    await lab.onNode(NODE, `mkdir -p /srv/vm && cd /srv/vm && ${fetches} && chmod +x vsock`);
    lab.workload('micro', MICRO);
    lab.workload('huge', HUGE);
  }, PATIENCE);
  afterAll(() => lab.close());

  test('memory of huge pages is refused without their file system, and where too few of them are free', async () => {
    const file = lab.file('huge');
    expect(await lab.refusal('workload', 'start', '-w', 'huge')).toEqual({
      code: 1,
      stderr: [
        `mesh: huge: ${file}: 1 problem`,
        `  ${file}:4: platform.memory.hugepages: got "/dev/hugepages", expected a folder of the node where a hugetlbfs is mounted (it has none)`,
        '',
      ].join('\n'),
    });
    await lab.onNode(
      NODE,
      `mkdir /dev/hugepages && mount -t hugetlbfs hugetlbfs /dev/hugepages && sysctl -q -w vm.nr_hugepages=${PAGES}`,
    );
    lab.workload('huge', { ...HUGE, 'platform.memory.size': '256M' });
    expect(await lab.refusal('workload', 'start', '-w', 'huge')).toEqual({
      code: 1,
      stderr: [
        `mesh: huge: ${file}: 1 problem`,
        `  ${file}:3: platform.memory.size: got "256M" (128 pages), expected at most 100 free huge pages of 2M on the node (sysctl vm.nr_hugepages)`,
        '',
      ].join('\n'),
    });
    lab.workload('huge', HUGE);
    expect(await freePages(lab)).toBe(PAGES);
  });

  test('a microvm and a PC boot a kernel directly, with KVM', async () => {
    const starts = await Promise.all([lab.verb('start', 'micro'), lab.verb('start', 'huge')]);
    expect(starts.map(lines => lines.at(-1))).toMatchObject([
      { done: { status: { state: 'running', engine: 'microvm', accel: 'kvm' } } },
      { done: { status: { state: 'running', engine: 'qemu', accel: 'kvm' } } },
    ]);
    for (const name of ['micro', 'huge']) {
      const [, seconds] = await lab.heard(name, /guest: userland is up after ([\d.]+) s/);
      console.log(`${name}: userland after ${seconds} s`);
    }
    expect(await lab.onNode(NODE, `cat ${MICRO_FOLDER}/argv`)).toContain('\nmicrovm,');
  });

  test('a guest in huge pages takes them from the node', async () => {
    expect(await freePages(lab)).toBe(PAGES - 96);
  });

  test('packets to a guest are late and get lost as its file says; a guest without is not touched', async () => {
    const shaped = await measure(lab, 'micro', 400);
    const other = await measure(lab, 'huge', 50);
    console.log(`asked for 50 ms and 10 %: ${figures(shaped)}; asked for none: ${figures(other)}`);
    expect(shaped.milliseconds).toBeGreaterThanOrEqual(50);
    expect(shaped.milliseconds).toBeLessThan(75);
    // 400 packets: 10 % and four times the standard deviation of 1.5 %.
    expect(shaped.loss).toBeGreaterThan(4);
    expect(shaped.loss).toBeLessThan(16);
    expect(other.milliseconds).toBeLessThan(25);
    expect(other.loss).toBe(0);
    expect(await lab.mesh('workload', 'status', '-w', 'micro')).toMatch(/^nic 0 .*, delay 50ms, loss 10 %$/m);
    expect((await lab.view('micro')).status?.nics[0]?.qos).toEqual({ delay: 50_000, loss: 10 });
  });

  test('a guest gets no more bits a second than its file says', async () => {
    const seconds = await timeInGuest(lab, 'huge', 'wget -q -O /dev/null http://10.77.0.1/isos/parcel');
    const megabits = (PARCEL * 8) / 1e6 / seconds;
    console.log(`asked for 4 Mbit/s: ${megabits.toFixed(2)} Mbit/s`);
    expect(megabits).toBeLessThan(4.2);
    // A busy node misses the moments when it may send.
    expect(megabits).toBeGreaterThan(1);
    expect(await lab.mesh('workload', 'status', '-w', 'huge')).toMatch(/^nic 0 .*, at most 4 mbit\/s$/m);
  });

  test('a disk is as slow as its file says, and served by a thread of its own', async () => {
    const seconds = await timeInGuest(
      lab,
      'micro',
      'echo 0 >/sys/block/vda/queue/read_ahead_kb; dd if=/dev/vda of=/dev/null bs=4096 count=100',
    );
    console.log(`asked for 50 operations a second: 100 in ${seconds} s`);
    expect(seconds).toBeGreaterThan(1.7);
    expect(await monitor(lab, 'info block -v', 'iops_size')).toMatch(/vol0 .* iops=50 /s);
    expect(await monitor(lab, 'info iothreads', 'aio-max-batch')).toMatch(/io0:\s+thread_id=\d+/);
    // The address of the device is not known before QEMU has said it.
    const [, device] = /Attached to: +(\S+)/.exec(await monitor(lab, 'info block', 'Cache mode')) ?? [];
    expect(await monitor(lab, `qom-get ${device} iothread`, 'io0"')).toContain('"/objects/io0"');
  });

  test('a balloon takes memory from a guest and gives it back', async () => {
    const before = await freeMemory(lab);
    await monitor(lab, 'balloon 96', 'balloon 96\\s+\\(qemu\\)');
    await lab.onNode(NODE, waitFor('info balloon', 'actual=96'));
    const taken = before - (await freeMemory(lab));
    console.log(`a balloon of 32 MiB took ${(taken / 1024).toFixed(1)} MiB of the guest`);
    expect(taken).toBeGreaterThan(28 * 1024);
    expect(taken).toBeLessThan(36 * 1024);
    await monitor(lab, 'balloon 128', 'balloon 128\\s+\\(qemu\\)');
    await lab.onNode(NODE, waitFor('info balloon', 'actual=128'));
    expect(Math.abs(before - (await freeMemory(lab)))).toBeLessThan(4 * 1024);
  });

  test('node and guest reach each other by a vsock and a virtio-console', async () => {
    expect(await lab.onNode(NODE, '/srv/vm/vsock 1024 3 "a word"')).toBe('heard a word');
    const talk = `node /srv/vm/talk.mjs ${MICRO_FOLDER}/text.sock "heard.*\n"`;
    expect(await lab.onNode(NODE, `${talk} "another word"`)).toContain('guest: hvc0 heard another word');
  });

  test('the agent in a guest tells its addresses, runs commands and takes files', async () => {
    const [, address] = await lab.heard('huge', /guest: eth0 has ([\d.]+)/);
    const { status } = await lab.becomes('huge', view => view.status?.guest?.agent === 'answers');
    expect(status?.guest?.addresses).toContain(`${address}/24`);
    expect(await lab.mesh('workload', 'guest', 'ping', '-w', 'huge')).toMatch(
      /^huge: its guest agent answers/,
    );
    expect(await lab.mesh('workload', 'guest', 'exec', '-w', 'huge', '--', 'uname', '-m')).toBe('x86_64\n');
    expect(await lab.refusal('workload', 'guest', 'exec', '-w', 'huge', '--', 'sh', '-c', 'exit 7')).toEqual({
      code: 7,
      stderr: '',
    });
    const [there, back] = [join(lab.made, 'there'), join(lab.made, 'back')];
    writeFileSync(there, randomBytes(100_000));
    await lab.mesh('workload', 'guest', 'write', '-w', 'huge', there, '/tmp/file');
    await lab.mesh('workload', 'guest', 'read', '-w', 'huge', '/tmp/file', back);
    expect(readFileSync(back).equals(readFileSync(there))).toBe(true);
    expect(await lab.refusal('workload', 'guest', 'ping', '-w', 'micro')).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^mesh: micro: has no channel to a guest agent\n/),
    });
  });

  test('after a restart the packets are late again', async () => {
    const steps = (await lab.verb('restart', 'micro')).flatMap(line =>
      'step' in line ? [`${line.step} ${line.milliseconds} ms`] : [],
    );
    console.log(steps.join(', '));
    await lab.heard('micro', /guest: userland is up/);
    const shaped = await measure(lab, 'micro', 100);
    console.log(`after the restart: ${figures(shaped)}`);
    expect(shaped.milliseconds).toBeGreaterThanOrEqual(50);
    expect(shaped.loss).toBeGreaterThan(0);
  });

  test('a guest is shut down by its agent; what a stop leaves: no interface, no quality of service, all huge pages', async () => {
    const asked = lab.heard('huge', /guest: its agent was asked to shut it down/);
    const [steps] = await Promise.all([lab.verb('stop', 'huge'), lab.verb('stop', 'micro'), asked]);
    expect(steps.flatMap(line => ('step' in line ? [line.step] : []))).toEqual(['shutdown', 'clear']);
    expect(await lab.onNode(NODE, 'tc qdisc show | grep -E "netem|tbf" || echo none')).toBe('none');
    expect(await lab.onNode(NODE, 'ls /sys/class/net | grep ^px || echo none')).toBe('none');
    expect(await lab.onNode(NODE, 'ls /tmp/pxen /dev/hugepages /tmp/disks')).toBe(
      '/dev/hugepages:\n\n/tmp/disks:\n\n/tmp/pxen:',
    );
    expect(await freePages(lab)).toBe(PAGES);
  });

  test('four-worlds.conf, with keys of all four source systems, starts as it is, and its guest gets a PCI device', async () => {
    await lab.onNode(NODE, 'sysctl -q -w vm.nr_hugepages=0; ln -s initrd.gz /srv/vm/initrd');
    cpSync(join(lab.isos, 'empty.qcow2'), join(lab.isos, 'four.qcow2'));
    lab.room.write(lab.file('four-worlds'), FOUR_WORLDS);
    await lab.mesh('host', 'set', NODE.name, '--profile', 'gpu-node', '--realm', 'lab');
    expect(await lab.onNode(NODE, SPARE_DRIVER)).toBe('virtio-pci');
    const dry = await lab.mesh('workload', 'start', '-w', 'four-worlds', '--dry-run');
    expect(dry).toContain(` vfio-pci,host=${SPARE_DEVICE} `);
    const lines = await lab.verb('start', 'four-worlds');
    expect(lines).toContainEqual(
      expect.objectContaining({ step: 'devices', text: `${SPARE_DEVICE} from virtio-pci` }),
    );
    const devices = [{ id: 0, type: 'nvidia-gpu', address: SPARE_DEVICE }];
    expect(lines.at(-1)).toMatchObject({ done: { status: { state: 'running', accel: 'kvm', devices } } });
    await lab.heard('four-worlds', /guest: userland is up/);
    // It writes them into the memory of the guest; the other one is the one that every guest has.
    const seen = await lab.inGuest(
      'four-worlds',
      'cat /sys/bus/pci/devices/*/device; cd /sys/class/misc/hw_random; for r in $(cat rng_available); do echo $r >rng_current; head -c 16 /dev/hwrng | wc -c; done',
    );
    expect(seen).toMatch(/^0x1044$/m);
    expect(seen).toMatch(/\n16\n16$/);
  });

  test('the device goes to nobody else meanwhile, and back to its driver at the stop', async () => {
    expect(await lab.onNode(NODE, SPARE_DRIVER)).toBe('vfio-pci');
    lab.workload('late', {
      'platform.memory.size': '64M',
      'platform.cpu.threads': 1,
      'platform.device.0.type': 'nvidia-gpu',
    });
    const { code, stderr } = await lab.refusal('workload', 'start', '-w', 'late');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/nvidia-gpu/)]);
    await lab.verb('stop', 'four-worlds', '-t', '0');
    expect(await lab.onNode(NODE, SPARE_DRIVER)).toBe('virtio-pci');
  });
});

async function freePages(lab: Lab): Promise<number> {
  return Number(await lab.onNode(NODE, "sed -n 's/^HugePages_Free: *//p' /proc/meminfo"));
}

/** KiB, in the guest micro. */
async function freeMemory(lab: Lab): Promise<number> {
  return Number(await lab.inGuest('micro', "sed -n 's/^MemFree: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"));
}

/** The monitor for people of the guest micro; what it prints until it fits the pattern. */
function monitor(lab: Lab, command: string, pattern: string): Promise<string> {
  return lab.onNode(NODE, talk(command, pattern));
}

function talk(command: string, pattern: string): string {
  return `node /srv/vm/talk.mjs ${MICRO_FOLDER}/monitor.sock '${pattern}' '${command}'`;
}

function waitFor(command: string, text: string): string {
  return `until ${talk(command, '=.*')} | grep -q ${text}; do sleep 0.2; done`;
}

interface Measured {
  /** Of the fastest packet, there and back; only the way there is shaped. */
  readonly milliseconds: number;
  /** Percent. */
  readonly loss: number;
}

/** Pings a guest from its node, through its tap. */
async function measure(lab: Lab, name: string, packets: number): Promise<Measured> {
  const [, address] = await lab.heard(name, /guest: eth0 has ([\d.]+)/);
  const text = await lab.onNode(NODE, `ping -q -i 0.02 -c ${packets} ${address} || true`);
  const [, received] = /(\d+) packets received/.exec(text) ?? [];
  const [, fastest] = /min\/avg\/max = ([\d.]+)\//.exec(text) ?? [];
  return { milliseconds: Number(fastest), loss: 100 * (1 - Number(received) / packets) };
}

function figures({ loss, milliseconds }: Measured): string {
  return `${milliseconds.toFixed(1)} ms and ${loss.toFixed(1)} %`;
}

/** Seconds by the clock of the guest. */
async function timeInGuest(lab: Lab, name: string, command: string): Promise<number> {
  const text = await lab.inGuest(name, `time sh -c "${command}"`);
  const [, minutes, seconds] = /real\s+(\d+)m ([\d.]+)s/.exec(text) ?? [];
  return Number(minutes) * 60 + Number(seconds);
}
