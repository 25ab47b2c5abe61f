import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Control } from '../../../../src/agent/vm/driver.ts';
import { VirshDriver } from '../../../../src/agent/vm/virsh-driver.ts';
import { StateFolder } from '../../../../src/agent/workload/folder.ts';
import type { Life } from '../../../../src/agent/workload/life.ts';
import type { Processes } from '../../../../src/agent/workload/processes.ts';
import { LIBVIRT_LAUNCHER, type VirshLaunch } from '../../../../src/domain/vm/libvirt/launch.ts';
import type { Exec } from '../../../../src/io/exec.ts';
import { ManualClock } from '../../../fakes/clock.ts';
import { machineOf, workloadOf } from '../../../fakes/machines.ts';

const TEXT = `name=web
uuid=web-1
platform.engine=libvirt
platform.memory.size=64M
platform.cpu.threads=1
network.0.type=bridge
network.0.bridge=br0
`;
const MACHINE = machineOf(workloadOf(TEXT));
const LAUNCH = LIBVIRT_LAUNCHER.launch(MACHINE) as VirshLaunch;
const PID = 4711;

let root: string;
let clock: ManualClock;
/** What libvirt has: the state of the domain, and whose it is. */
let domain: { state: number; reason: number; owner: string } | undefined;
/** Words of virsh, without its connection; what fails, with what libvirt says. */
let said: string[];
let refusals: Map<string, string>;
let alive: boolean;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'virsh-'));
  clock = new ManualClock();
  domain = undefined;
  said = [];
  refusals = new Map();
  alive = false;
  await folder().make();
});
afterEach(() => rmSync(root, { recursive: true }));

const folder = (): StateFolder => new StateFolder(root, 'web-1');

/** A libvirt that is played. */
const exec: Exec = async (program, args) => {
  const command = program === 'env' ? args.slice(4).join(' ') : [program, ...args].join(' ');
  const verb = /^\S+/.exec(command)?.[0] ?? '';
  if (verb !== 'echo') said.push(verb);
  const refusal = refusals.get(verb);
  if (refusal === undefined) obey(verb);
  const printed = verb === 'echo' ? look() : verb === 'tail' ? 'qemu said this\n' : '';
  const stderr = refusal === undefined ? '' : `error: Failed\nerror: ${refusal}\n`;
  const end = { signal: undefined, timedOut: false, failure: undefined };
  return { command, exitCode: refusal === undefined ? 0 : 1, stdout: printed, stderr, ...end };
};

function obey(verb: string): void {
  if (verb === 'define') domain = { state: 5, reason: 0, owner: 'web-1' };
  if (verb === 'undefine') domain = undefined;
  if (!domain) return;
  if (verb === 'start' || verb === 'resume') domain.state = 1;
  if (verb === 'suspend') domain.state = 3;
  if (verb === 'start') alive = true;
  if (verb === 'destroy') [domain.state, domain.reason, alive] = [5, 2, false];
}

function look(): string {
  const text = `  state.state=${domain?.state}\n  state.reason=${domain?.reason}\n  block.0.rd.bytes=5\n  cpu.time=1\n`;
  return domain ? `@pxen ${LAUNCH.domain}\n${text}<workload uuid="${domain.owner}"/>\n` : '';
}

const processes: Processes = {
  launch: async () => {
    throw new Error('it is libvirt that starts it');
  },
  bears: pid => alive && pid === PID,
  find: () => (alive ? PID : undefined),
  kill: () => {
    alive = false;
  },
  stat: () => undefined,
};

function driver(): VirshDriver {
  const connect = (): never => {
    throw new Error('nobody speaks QMP');
  };
  return new VirshDriver(
    LAUNCH,
    { called: 'libvirt', folder: folder() },
    { root, clock, processes, exec, connect },
  );
}

const settle = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

async function pass(milliseconds: number): Promise<void> {
  for (let at = 0; at < milliseconds; at += 100) {
    clock.advance(100);
    await settle();
  }
}

test('the launch has the domain with taps that are there, and knows its process by the uuid', () => {
  expect(LAUNCH).toMatchObject({
    by: 'virsh',
    workload: 'web-1',
    name: 'web',
    isPaused: false,
    powerButton: true,
  });
  expect(LAUNCH.files?.domain).toMatch(
    /<interface type='ethernet'>\s+<mac[^>]*>\s+<target dev='px[^']*' managed='no'\/>/,
  );
  expect(LIBVIRT_LAUNCHER.mark(MACHINE)).toEqual({ program: 'qemu', word: MACHINE.rfcUuid });
});

test('a domain is defined, started, and gone when its process is', async () => {
  const { ended, kill, pid } = await driver().launch();
  expect([said, pid]).toEqual([['define', 'start'], PID]);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  await pass(300);
  expect(isOver).toBe(false);
  kill();
  await pass(2000);
  expect(isOver).toBe(true);
});

test('what an earlier run left is taken away; a foreign domain is not, and one that runs neither', async () => {
  domain = { state: 5, reason: 1, owner: 'web-1' };
  await driver().launch();
  expect(said).toEqual(['undefine', 'define', 'start']);
  await expect(driver().launch()).rejects.toThrow(`its domain ${LAUNCH.domain} runs already`);
  domain = { state: 5, reason: 1, owner: 'somebody' };
  await expect(driver().launch()).rejects.toThrow('is not of this workload; it is left alone');
  await driver().forget();
  expect(domain).toBeDefined();
});

test('a start that libvirt refuses leaves nothing but what QEMU said', async () => {
  refusals.set('start', 'unable to open vhost-vsock device');
  await expect(driver().launch()).rejects.toThrow('unable to open vhost-vsock device');
  expect(domain).toBeUndefined();
  expect(readFileSync(folder().at('log'), 'utf8')).toBe('qemu said this\n');
});

test('what is asked of it goes to libvirt, and what others do shows', async () => {
  await driver().launch();
  let life: Life = { state: 'running' };
  const control: Control = await driver().connect({
    timeout: 1000,
    onChange: change => (life = change(life)),
  });
  let isClosed = false;
  void control.closed.then(() => {
    isClosed = true;
  });
  expect(await control.look()).toEqual({ state: 'running', problem: undefined });
  await control.pause();
  expect((await control.look()).state).toBe('paused');
  expect(await control.blockStats()).toEqual([{ stats: { rd_bytes: 5, wr_bytes: undefined } }]);
  await pass(3100);
  expect(life.state).toBe('paused');
  await control.resume();
  await control.pressPowerButton();
  await control.quit();
  expect(said.slice(2)).toEqual(['domstate', 'suspend', 'resume', 'shutdown', 'destroy']);
  await pass(400);
  expect(isClosed).toBe(true);
  expect(await driver().autopsy()).toEqual({ reason: 'somebody destroyed it through libvirt' });
  await driver().forget();
  await driver().forget();
  expect(domain).toBeUndefined();
});

test('a libvirt that does not answer ends the connection', async () => {
  await driver().launch();
  const control = await driver().connect({ timeout: 1000, onChange: () => {} });
  let isClosed = false;
  void control.closed.then(() => {
    isClosed = true;
  });
  refusals.set('echo', 'failed to connect to the hypervisor');
  await pass(3100);
  expect(isClosed).toBe(true);
  refusals.set('domstate', 'failed to connect to the hypervisor');
  await expect(driver().connect({ timeout: 1000, onChange: () => {} })).rejects.toMatchObject({
    code: 'WORKLOAD_FAILED',
    message: 'failed to connect to the hypervisor',
  });
  alive = false;
  await pass(2000);
  expect(clock.waiting).toBe(0);
});
