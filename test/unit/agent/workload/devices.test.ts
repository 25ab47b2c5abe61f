import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Workloads } from '../../../../src/agent/workload/workloads.ts';
import { type AgentLine, type AgentRun, agentRunSchema, type Verb } from '../../../../src/api/agent.ts';
import { asPxenError, PxenError } from '../../../../src/base/error.ts';
import { type PciAddress, parsePciAddress } from '../../../../src/domain/placement/pci.ts';
import { FakeNode } from '../../../fakes/qemu.ts';

const pci = (text: string): PciAddress => {
  const address = parsePciAddress(text);
  if (!address) throw new Error(`${text} is no PCI address`);
  return address;
};
const GPU = pci('0000:01:00.0');
const CONFIG = {
  file: 'web.conf',
  text: `name=web
uuid=w1
platform.memory.size=512M
platform.cpu.threads=1
platform.cpu.mode=qemu64
platform.device.0.type=nvidia-gpu
`,
};

let node: FakeNode;
let workloads: Workloads;

beforeEach(() => {
  node = new FakeNode();
  node.pci.add(GPU, { group: '7', driver: 'nouveau' });
  workloads = new Workloads(node.ports());
  workloads.start();
});
afterEach(() => node.remove());

/** Lines as `step: text`, or the error with its details. */
async function command(verb: Verb, more: Partial<AgentRun> = {}): Promise<string[]> {
  const lines: string[] = [];
  const tell = (line: AgentLine): void => {
    if ('step' in line) lines.push(`${line.step}: ${line.text}`);
  };
  const devices = [{ type: 'nvidia-gpu', address: GPU }];
  const config = verb === 'start' ? CONFIG : undefined;
  const request = agentRunSchema.parse({ verb, uuid: 'w1', config, devices, ...more });
  try {
    await workloads.run(request, tell);
    return lines;
  } catch (thrown) {
    const { code, details, message } = asPxenError(thrown);
    return [`${code}: ${message}`, ...details];
  }
}

const argv = (): string => readFileSync(join(node.root, 'tmp/pxen/w1/argv'), 'utf8');

describe('a PCI device', () => {
  test('goes to the guest at the start and back to its driver at the stop', async () => {
    expect(await command('start')).toContain(`devices: ${GPU} from nouveau`);
    expect(node.pci.driverOf(GPU)).toBe('vfio-pci');
    expect(argv()).toContain(`-device\nvfio-pci,host=${GPU}\n`);
    expect(workloads.statuses()[0]?.devices).toEqual([{ id: 0, type: 'nvidia-gpu', address: GPU }]);
    await command('stop');
    expect(node.pci.driverOf(GPU)).toBe('nouveau');
  });

  test('goes back as soon as its guest has ended by itself', async () => {
    await command('start');
    node.qemu.shutDown('guest-shutdown');
    await expect.poll(() => node.pci.driverOf(GPU)).toBe('nouveau');
    expect(await command('start')).toContain(`devices: ${GPU} from nouveau`);
  });

  test('goes back when the start fails', async () => {
    node.onLaunchFailure = new Error('the shell is gone');
    expect((await command('start'))[0]).toBe('WORKLOAD_FAILED: web: the shell is gone');
    expect(node.pci.driverOf(GPU)).toBe('nouveau');
  });

  test('goes back through the next agent, when its guest died with nobody watching', async () => {
    await command('start');
    await workloads.stop();
    node.qemu.end(139);
    workloads = new Workloads(node.ports());
    workloads.start();
    await expect.poll(() => node.pci.driverOf(GPU)).toBe('nouveau');
  });

  test('that host0 did not set aside is not given', async () => {
    const [error, ...problems] = await command('start', { devices: [] });
    expect([error, ...problems]).toEqual([
      'WORKLOAD_INVALID: web.conf: 1 problem',
      'web.conf:6: platform.device.0.type: got "nvidia-gpu", expected a device of the node that is set aside for the workload; of this type there are 0',
    ]);
    expect([node.volumes.log, node.pci.driverOf(GPU)]).toEqual([[], 'nouveau']);
  });

  test('that cannot be handed out is refused before anything is fetched, tried dry, too', async () => {
    const devices = [{ type: 'nvidia-gpu', address: pci('0000:09:00.0') }];
    const expected = [
      'WORKLOAD_INVALID: web: its PCI devices cannot be handed to it',
      'platform.device.0.type: 0000:09:00.0 (nvidia-gpu): the node has no PCI device at this address',
    ];
    expect(await command('start', { devices })).toEqual(expected);
    expect(await command('start', { devices, dryRun: true })).toEqual(expected);
    expect(node.volumes.log).toEqual([]);
  });
});

test('tried dry, what the fetching would refuse is told', async () => {
  node.volumes.trouble = new PxenError('WORKLOAD_INVALID', 'web: 1 problem', { details: ['its path'] });
  expect(await command('start', { dryRun: true })).toEqual(['WORKLOAD_INVALID: web: 1 problem', 'its path']);
});

describe('a workload that was only downloaded', () => {
  test('gives its files back at a stop, and is then gone', async () => {
    node.volumes.downloaded.set('w1', ['/v/a.iso']);
    node.write('tmp/pxen/w1/volumes.json', '{}');
    expect(await command('stop')).toEqual(['clear: deleted /v/a.iso']);
    expect(await command('stop')).toEqual(['WORKLOAD_STATE: w1: does not run on this node']);
  });

  test('takes nothing with it but what is its own', async () => {
    node.write('tmp/pxen/w1/output.log', 'said');
    writeFileSync(join(node.root, 'other'), '');
    await command('stop');
    expect([
      existsSync(join(node.root, 'tmp/pxen/w1/output.log')),
      existsSync(join(node.root, 'other')),
    ]).toEqual([true, true]);
  });
});

test.each(['..', '01:00.0', '0000:01:00.0/driver'])('%s is the address of no device', address => {
  const request = { verb: 'start', uuid: 'w1', devices: [{ type: 'gpu', address }] };
  expect(agentRunSchema.safeParse(request).error?.issues[0]?.message).toBe(
    'expected a PCI address such as 0000:01:02.0',
  );
});
