import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LogFile } from '../../../../src/agent/workload/logfile.ts';
import { SerialPort } from '../../../../src/agent/workload/serial-port.ts';
import { fastClock } from '../../../fakes/fast-clock.ts';

let folder: string;
let engine: number;
let port: SerialPort;
let log: string;

/** An engine that writes into a file and reads from a pipe. */
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-serial-'));
  log = join(folder, 'serial.log');
  writeFileSync(log, 'before anybody came\n');
  execFileSync('mkfifo', [join(folder, 'serial.in')]);
  engine = openSync(join(folder, 'serial.in'), constants.O_RDWR | constants.O_NONBLOCK);
  port = portAt(join(folder, 'serial.sock'));
});

afterEach(() => {
  port.close();
  closeSync(engine);
  rmSync(folder, { recursive: true });
});

function portAt(path: string): SerialPort {
  return new SerialPort({
    clock: fastClock(),
    said: new LogFile(log),
    pipe: join(folder, 'serial.in'),
    at: { path },
  });
}

async function visit(): Promise<Socket> {
  const visitor = createConnection(join(folder, 'serial.sock'));
  visitor.on('error', () => {});
  await new Promise(resolve => visitor.once('connect', resolve));
  return visitor;
}

async function until<T>(what: () => T | undefined): Promise<T> {
  for (const late = AbortSignal.timeout(5000); ; ) {
    const found = what();
    if (found !== undefined) return found;
    late.throwIfAborted();
    await new Promise(resolve => setTimeout(resolve, 1));
  }
}

/** What came out of the pipe, as soon as something did. */
function heardByGuest(): string | undefined {
  const bytes = Buffer.alloc(100);
  try {
    return bytes.toString('utf8', 0, readSync(engine, bytes));
  } catch {
    return undefined;
  }
}

const says = (visitor: Socket): Promise<string> => until(() => visitor.read()?.toString('utf8'));
const gone = (visitor: Socket): Promise<true> => until(() => visitor.resume().closed || undefined);

/** The port hears a moment later that the one before has left. */
async function nextVisitor(): Promise<Socket> {
  for (;;) {
    const visitor = await visit();
    visitor.write('2');
    visitor.resume();
    await until(() => (heardByGuest() === '2' || visitor.closed ? true : undefined));
    if (!visitor.closed) return visitor;
  }
}

describe('a serial port that the agent serves', () => {
  test('goes both ways, from the moment on in which somebody comes', async () => {
    await port.open();
    const visitor = await visit();
    visitor.write('ls\r');
    expect(await until(heardByGuest)).toBe('ls\r');
    appendFileSync(log, 'bin dev\n');
    expect(await says(visitor)).toBe('bin dev\n');
    visitor.destroy();
  });

  test('has room for one, and for the next one when that has left', async () => {
    await port.open();
    const first = await visit();
    first.write('1');
    await until(heardByGuest);
    await gone(await visit());
    first.destroy();
    await gone(first);
    const next = await nextVisitor();
    expect(next.destroyed).toBe(false);
    next.destroy();
  });

  test('outlives a log that is cut while somebody listens', async () => {
    const said = new LogFile(log);
    port = new SerialPort({
      clock: fastClock(),
      said,
      pipe: join(folder, 'serial.in'),
      at: { path: join(folder, 'serial.sock') },
    });
    await port.open();
    const visitor = await visit();
    visitor.write('x');
    await until(heardByGuest);
    const most = 'y'.repeat(1.5 * 2 ** 20);
    appendFileSync(log, most);
    let came = 0;
    await until(() => {
      came += visitor.read()?.length ?? 0;
      return came === most.length || undefined;
    });
    said.shorten();
    appendFileSync(log, 'after the cut\n');
    expect(await says(visitor)).toBe('after the cut\n');
    visitor.destroy();
  });

  test('turns visitors away when its engine reads no more', async () => {
    await port.open();
    rmSync(join(folder, 'serial.in'));
    await gone(await visit());
  });

  test('takes the place of the one that a dead agent left, and lets everybody go in the end', async () => {
    writeFileSync(join(folder, 'serial.sock'), '');
    await port.open();
    await port.open();
    const visitor = await visit();
    visitor.write('x');
    await until(heardByGuest);
    port.close();
    await gone(visitor);
  });

  test('tells why it cannot be served, until it can', async () => {
    const other = createServer();
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve));
    const at = { host: '127.0.0.1', port: (other.address() as AddressInfo).port };
    const taken = new SerialPort({ clock: fastClock(), said: new LogFile(log), pipe: '', at });
    const trouble = `the serial console cannot be served: listen EADDRINUSE: address already in use 127.0.0.1:${at.port}`;
    await expect(taken.open()).rejects.toMatchObject({ code: 'PORT_IN_USE', message: trouble });
    expect(taken.trouble).toBe(trouble);
    await new Promise(resolve => other.close(resolve));
    await taken.open();
    expect(taken.trouble).toBeUndefined();
    taken.close();
  });
});
