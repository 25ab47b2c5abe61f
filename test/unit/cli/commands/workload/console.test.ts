import { EventEmitter } from 'node:events';
import { type Duplex, PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { asPxenError, PxenError } from '../../../../../src/base/error.ts';
import {
  type ConsoleOptions,
  controlByte,
  workloadConsole,
} from '../../../../../src/cli/commands/workload/console.ts';
import { type FakePxend, fakePxend, type Play } from '../../pxend.ts';
import { screen } from '../../screen.ts';
import { running } from './views.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

/** A terminal, or pipes, that a test types into and reads from. */
class Desk {
  readonly input: PassThrough & { isTTY?: boolean } = new PassThrough();
  readonly output: PassThrough & { isTTY?: boolean } = new PassThrough();
  readonly process = new EventEmitter();
  /** Every change of the terminal. */
  readonly modes: boolean[] = [];
  shown = '';

  constructor(isTerminal: boolean) {
    this.output.setEncoding('utf8').on('data', text => {
      this.shown += text;
    });
    if (!isTerminal) return;
    this.input.isTTY = true;
    this.output.isTTY = true;
  }

  readonly raw = (on: boolean): void => void this.modes.push(on);
}

interface Seen {
  status: number | string;
  err: string;
}

async function attach(
  desk: Desk,
  play: Play,
  options: Partial<ConsoleOptions> = {},
): Promise<{ ended: Promise<Seen> }> {
  pxend = await fakePxend({ workloads: [running('web')], ...play });
  const seen = screen({ root: pxend.root });
  const asked = { workloads: ['web'], escape: 0x1d, ...options };
  const ended = workloadConsole(seen.context, asked, desk).then(
    status => ({ status, err: seen.err }),
    (thrown: unknown) => ({
      status: `${asPxenError(thrown).code} ${asPxenError(thrown).message}`,
      err: seen.err,
    }),
  );
  return { ended };
}

/** A guest that greets, and echoes in capitals. */
function guest(connection: Duplex): void {
  connection.write('login: ');
  connection.on('data', bytes => connection.write(String(bytes).toUpperCase()));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 2));
}

const ENDED =
  'mesh: the connection to web ended: its virtual machine is gone, or the way to it; see: mesh workload status -w web\n';

describe('at a terminal', () => {
  test('carries bytes both ways, raw, until the escape key; then all is as before', async () => {
    const desk = new Desk(true);
    const { ended } = await attach(desk, { console: guest });
    await until(() => desk.shown === 'login: ');
    desk.input.write('root\r\u0003');
    await until(() => desk.shown === 'login: ROOT\r\u0003');
    expect(desk.modes).toEqual([true]);
    desk.input.write('\u001d');
    expect(await ended).toEqual({
      status: 0,
      err: 'Connected to web on tulip; escape with ctrl-].\n\nLeft the console of web.\n',
    });
    expect(desk.modes).toEqual([true, false]);
    expect(desk.shown).toBe('login: ROOT\r\u0003\u001b[0m\u001b[?25h');
    expect(desk.process.eventNames()).toEqual([]);
    expect(pxend?.paths).toEqual(['pxen-console /api/v1/workloads/web/console']);
  });

  test('what was typed before the escape key in one go still gets there', async () => {
    const desk = new Desk(true);
    let got = '';
    const { ended } = await attach(desk, {
      console: connection => void connection.on('data', bytes => (got += bytes)),
    });
    await until(() => desk.modes.length > 0);
    desk.input.write('reboot\r\u001dnot this');
    expect((await ended).status).toBe(0);
    await until(() => got === 'reboot\r');
  });

  test('another key may leave, or none', async () => {
    const desk = new Desk(true);
    const { ended } = await attach(desk, { console: guest }, { escape: controlByte('^a') });
    await until(() => desk.shown === 'login: ');
    desk.input.write('\u001d');
    await until(() => desk.shown === 'login: \u001d');
    desk.input.write('\u0001');
    expect((await ended).err).toBe(
      'Connected to web on tulip; escape with ctrl-A.\n\nLeft the console of web.\n',
    );
    await pxend?.stop();
    const other = new Desk(true);
    const without = await attach(other, { console: guest }, { escape: undefined });
    await until(() => other.shown === 'login: ');
    other.input.write('\u001d\u0001');
    await until(() => other.shown === 'login: \u001d\u0001');
    other.process.emit('SIGTERM');
    expect((await without.ended).err).toContain('Connected to web on tulip.\n');
  });

  test.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGQUIT', 131],
    ['SIGTERM', 143],
  ])('%s restores it too', async (signal, status) => {
    const desk = new Desk(true);
    const { ended } = await attach(desk, { console: guest });
    await until(() => desk.modes.length > 0);
    desk.process.emit(signal);
    expect(await ended).toEqual({
      status,
      err: `Connected to web on tulip; escape with ctrl-].\n\nmesh: ended by ${signal}; the console of web is left\n`,
    });
    expect(desk.modes).toEqual([true, false]);
  });

  test('an exit of the process restores it too', async () => {
    const desk = new Desk(true);
    await attach(desk, { console: guest });
    await until(() => desk.modes.length > 0);
    desk.process.emit('exit');
    expect(desk.modes).toEqual([true, false]);
    desk.process.emit('SIGTERM');
  });

  test('a window that is closed ends it', async () => {
    const desk = new Desk(true);
    const { ended } = await attach(desk, { console: guest });
    await until(() => desk.modes.length > 0);
    desk.input.end();
    expect((await ended).status).toBe(129);
  });

  test('a connection that ends is told, after all that came', async () => {
    const desk = new Desk(true);
    const { ended } = await attach(desk, {
      console: connection => void connection.end(`${'x'.repeat(200_000)}Power down.\r\n`),
    });
    expect(await ended).toEqual({
      status: 1,
      err: `Connected to web on tulip; escape with ctrl-].\n\n${ENDED}`,
    });
    expect(desk.modes).toEqual([true, false]);
    expect(desk.shown.slice(-23)).toBe('Power down.\r\n\u001b[0m\u001b[?25h');
    expect(desk.shown.length).toBe(200_023);
  });

  test('the escape key works while the guest does not listen', async () => {
    const desk = new Desk(true);
    const { ended } = await attach(desk, { console: connection => void connection.pause() });
    await until(() => desk.modes.length > 0);
    desk.input.write('x'.repeat(4_000_000));
    desk.input.write('\u001d');
    expect((await ended).status).toBe(0);
  });
});

describe('in a pipe', () => {
  test('the end of the input ends nothing; every byte is passed on, and nothing of a terminal is touched', async () => {
    const desk = new Desk(false);
    let hangUp = (): void => {};
    const { ended } = await attach(desk, {
      console: connection => {
        guest(connection);
        hangUp = () => connection.end('bye');
      },
    });
    desk.input.end('a\u001db');
    await until(() => desk.shown === 'login: A\u001dB');
    await new Promise(resolve => setTimeout(resolve, 50));
    hangUp();
    expect(await ended).toEqual({ status: 1, err: `Connected to web on tulip.\n${ENDED}` });
    expect(desk.shown).toBe('login: A\u001dBbye');
  });

  test('--for leaves after that time', async () => {
    const desk = new Desk(false);
    const { ended } = await attach(desk, { console: guest }, { seconds: 0.05 });
    expect(await ended).toEqual({
      status: 0,
      err: 'Connected to web on tulip.\nLeft the console of web.\n',
    });
    expect(desk.shown).toBe('login: ');
  });

  test('a big file waits for a guest that reads slowly, and all of it arrives', async () => {
    const desk = new Desk(false);
    let got = 0;
    let far: Duplex | undefined;
    const { ended } = await attach(desk, {
      console: connection => {
        far = connection.pause();
        connection.on('data', bytes => {
          got += bytes.length;
        });
        connection.pause();
      },
    });
    desk.input.end(Buffer.alloc(4_000_000, 'x'));
    await until(() => far !== undefined && desk.input.isPaused());
    far?.resume();
    await until(() => got === 4_000_000);
    desk.process.emit('SIGTERM');
    expect((await ended).status).toBe(143);
  });
});

describe('what can go wrong', () => {
  test.each<[string, Play, Partial<ConsoleOptions>, string]>([
    [
      'somebody else is there',
      { refuse: new PxenError('WORKLOAD_BUSY', 'the console of web is in use') },
      {},
      'WORKLOAD_BUSY the console of web is in use',
    ],
    [
      'it does not run',
      { refuse: new PxenError('WORKLOAD_STATE', 'web does not run') },
      {},
      'WORKLOAD_STATE web does not run',
    ],
    ['an unknown workload', {}, { workloads: ['wbe'] }, 'NOT_FOUND no workload wbe; did you mean web?'],
  ])('%s: the terminal is not touched', async (_, play, options, message) => {
    const desk = new Desk(true);
    const { ended } = await attach(desk, play, options);
    expect(await ended).toEqual({ status: message, err: '' });
    expect([desk.modes, desk.shown]).toEqual([[], '']);
  });
});

test.each([
  ['^]', 0x1d],
  ['^A', 1],
  ['^a', 1],
  ['^@', 0],
  ['^_', 0x1f],
  ['^[', 0x1b],
  ['A', undefined],
  ['^', undefined],
  ['^1', undefined],
  ['^`', undefined],
  ['^AB', undefined],
])('the key %s is byte %s', (notation, byte) => expect(controlByte(notation)).toBe(byte));
