import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Workloads } from '../../../../src/agent/workload/workloads.ts';
import { type AgentRun, agentRunSchema } from '../../../../src/api/agent.ts';
import { asPxenError } from '../../../../src/base/error.ts';
import type { GuestStatus } from '../../../../src/domain/workload/status.ts';
import { FakeGuest } from '../../../fakes/guest.ts';
import { FakeNode, type FakeQemu } from '../../../fakes/qemu.ts';

let node: FakeNode;
let workloads: Workloads;
let guest: FakeGuest;

const FILE = [
  ...['name=web', 'uuid=w1', 'platform.memory.size=1M', 'platform.cpu.threads=1', 'platform.cpu.mode=max'],
  ...['runtime.console.type=serial-socket', 'runtime.qga=1'],
];

beforeEach(() => {
  node = new FakeNode();
  node.onLaunch = (qemu: FakeQemu) => {
    guest = new FakeGuest(join(qemu.folder, 'qga.sock'));
  };
  workloads = new Workloads(node.ports());
  workloads.start();
});

afterEach(async () => {
  await workloads.stop();
  await guest.close();
  node.remove();
});

/** The steps that were done, or the error; time goes on meanwhile. */
async function command(verb: AgentRun['verb'], more: Partial<AgentRun> = {}): Promise<string[]> {
  const steps: string[] = [];
  const config = verb === 'start' ? { config: { file: 'web.conf', text: `${FILE.join('\n')}\n` } } : {};
  const run = workloads.run(agentRunSchema.parse({ verb, uuid: 'w1', ...config, ...more }), line => {
    if ('step' in line) steps.push(`${line.step}: ${line.text}`);
  });
  let isOver = false;
  const end = run.then(
    () => steps,
    (thrown: unknown) => [...steps, asPxenError(thrown).message],
  );
  void end.then(() => {
    isOver = true;
  });
  for (let turns = 0; turns < 20_000 && !isOver; turns++) {
    await turn();
    // The guest is a real connection, which takes its turns; nobody waits for it in vain.
    if (turns % 20 === 0) node.clock.advance(10);
  }
  return end;
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; turns < 20_000 && !condition(); turns++) {
    await turn();
    if (turns % 20 === 0) node.clock.advance(10);
  }
  expect(condition()).toBe(true);
}

const told = (): GuestStatus | undefined => workloads.statuses()[0]?.guest;
const INTERFACES = [{ name: 'eth0', 'ip-addresses': [{ 'ip-address': '10.77.0.100', prefix: 24 }] }];

describe('a guest with an agent', () => {
  test('shows in the status as soon as it answers, and that is reported at once', async () => {
    await command('start');
    expect(told()).toEqual({ agent: 'silent', addresses: [] });
    const before = node.changes;
    guest.reply = ({ execute }) => ({ return: execute === 'guest-network-get-interfaces' ? INTERFACES : {} });
    await until(() => told()?.agent === 'answers');
    expect([told(), node.changes - before]).toEqual([{ agent: 'answers', addresses: ['10.77.0.100/24'] }, 1]);
  });

  test('is not asked while it is paused, and what it told stays', async () => {
    await command('start');
    await until(() => told()?.agent === 'answers');
    await command('pause');
    const heard = guest.heard.length;
    for (let i = 0; i < 10; i++) {
      node.clock.advance(2000);
      await turn();
    }
    expect([guest.heard.length, told()?.agent]).toEqual([heard, 'answers']);
  });

  test('shuts down when its agent is asked; its power button is left alone', async () => {
    await command('start');
    guest.reply = ({ execute }) => {
      if (execute !== 'guest-shutdown') return { return: {} };
      node.qemu.shutDown('guest-shutdown');
      guest.hangUp();
      return undefined;
    };
    expect(await command('stop')).toEqual(['shutdown: the guest shut down', 'clear: no volume was deleted']);
    expect(guest.heard.at(-1)).toMatchObject({ execute: 'guest-shutdown', arguments: { mode: 'powerdown' } });
    expect(node.qemu.heard).not.toContain('system_powerdown');
  });

  test('that refuses has its power button pressed', async () => {
    await command('start');
    guest.reply = () => ({ error: { class: 'CommandNotFound', desc: 'it has been disabled' } });
    expect((await command('soft-stop'))[0]).toBe('shutdown: the guest shut down');
    expect(node.qemu.heard).toContain('system_powerdown');
  });

  test('that hears it and does nothing has its power button pressed five seconds later', async () => {
    await command('start');
    let asked = 0;
    guest.reply = ({ execute }) => {
      if (execute === 'guest-shutdown' && ++asked === 1)
        expect(node.qemu.heard).not.toContain('system_powerdown');
      return { return: {} };
    };
    expect((await command('soft-stop'))[0]).toBe('shutdown: the guest shut down');
    expect([asked, node.qemu.heard.includes('system_powerdown')]).toEqual([2, true]);
  });

  test('is let go when its virtual machine is gone', async () => {
    await command('start');
    await until(() => guest.isConnected);
    node.qemu.shutDown('guest-shutdown');
    await until(() => workloads.statuses()[0]?.state === 'ended');
    expect(told()).toBeUndefined();
    await until(() => !guest.isConnected);
  });
});

test('a guest without an agent has its power button pressed, and nothing is sent to it', async () => {
  await command('start');
  guest.isThere = false;
  expect((await command('stop'))[0]).toBe('shutdown: the guest shut down');
  expect(guest.heard).toEqual([]);
  expect(node.qemu.heard).toContain('system_powerdown');
});
