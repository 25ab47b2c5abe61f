import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROJECT } from '../../scripts/room/room.ts';

/** `mesh workload console` at real terminals: those that script(1) of util-linux makes. */
const MESH = `'${process.execPath}' --no-warnings '${join(PROJECT, 'src/cli/main.ts')}'`;
const CONNECTED = 'Connected to web on tulip; escape with ctrl-].\r\n';
const ENDED =
  'mesh: the connection to web ended: its virtual machine is gone, or the way to it; see: mesh workload status -w web\r\n';

let folder = '';
let pxend: ChildProcess;
let root = '';
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-console-'));
  pxend = spawn(process.execPath, ['--no-warnings', join(PROJECT, 'test/fixtures/console-pxend.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  root = await new Promise(resolve => pxend.stdout?.once('data', text => resolve(String(text).trim())));
});
afterEach(() => {
  pxend.kill('SIGKILL');
  rmSync(folder, { recursive: true });
  rmSync(root, { recursive: true, force: true });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 20));
}

/** A shell at a terminal of its own, in which the console runs. */
class Shell {
  readonly #script: ChildProcess;
  shown = '';
  ended = false;

  constructor(console: string) {
    const lines = [
      'stty rows 40 cols 120 -ixon',
      'stty -a > before',
      'tty > tty',
      `sh -c 'echo $$ > pid; exec "$@"' sh ${MESH} --root '${root}' ${console}`,
      'echo "status $?"',
      'stty -a > after',
    ];
    this.#script = spawn('script', ['-qec', lines.join('\n'), '/dev/null'], { cwd: folder });
    this.#script.stdout?.on('data', text => {
      this.shown += text;
    });
    this.#script.on('close', () => {
      this.ended = true;
    });
  }

  type(keys: string): void {
    this.#script.stdin?.write(keys);
  }

  /** The console is there and has shown something. */
  async attached(): Promise<void> {
    await until(() => this.shown.includes('hello from web'));
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(Number(readFileSync(join(folder, 'pid'), 'utf8')), signal);
  }

  modes(): string[] {
    const tty = readFileSync(join(folder, 'tty'), 'utf8').trim();
    const words = execFileSync('stty', ['-F', tty, '-a'], { encoding: 'utf8' }).split(/[\s;]+/);
    return words.filter(word => /^-?(icanon|echo|isig|icrnl|opost)$/.test(word)).sort();
  }

  /** What was shown after the last thing that the guest said. */
  async end(): Promise<string> {
    await until(() => this.ended);
    expect(readFileSync(join(folder, 'after'), 'utf8')).toBe(readFileSync(join(folder, 'before'), 'utf8'));
    return this.shown.slice(this.shown.lastIndexOf('\u001b[0m'));
  }
}

const LEFT = '\u001b[0m\u001b[?25h\r\n';

describe('at a terminal', () => {
  test('it is raw while the console is there, the keys get through, and ctrl-] leaves it as it was', async () => {
    const shell = new Shell('workload console -w web');
    await shell.attached();
    expect(shell.shown.startsWith(CONNECTED)).toBe(true);
    // Enter and line ends too: the guest's own terminal driver sees to all that.
    expect(shell.modes()).toEqual(['-echo', '-icanon', '-icrnl', '-isig', '-opost']);
    // Enter, ctrl-C, ctrl-D, ctrl-Z, ctrl-S, ctrl-Q and the arrow up are the guest's.
    shell.type('ls\r\u0003\u0004\u001a\u0013\u0011\u001b[A');
    await until(() => shell.shown.includes('<LS\r\u0003\u0004\u001a\u0013\u0011\u001b[A>'));
    shell.type('\u001d');
    expect(await shell.end()).toBe(`${LEFT}Left the console of web.\r\nstatus 0\r\n`);
  });

  test('another key leaves with -e', async () => {
    const shell = new Shell('workload console web -e ^A');
    await shell.attached();
    shell.type('\u001d');
    await until(() => shell.shown.includes('<\u001d>'));
    shell.type('\u0001');
    expect(await shell.end()).toBe(`${LEFT}Left the console of web.\r\nstatus 0\r\n`);
  });

  test.each<[NodeJS.Signals, number]>([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ])('%s leaves it as it was', async (signal, status) => {
    const shell = new Shell('workload console -w web');
    await shell.attached();
    shell.kill(signal);
    expect(await shell.end()).toBe(
      `${LEFT}mesh: ended by ${signal}; the console of web is left\r\nstatus ${status}\r\n`,
    );
  });

  test('a pxend that is killed leaves it as it was', async () => {
    const shell = new Shell('workload console -w web');
    await shell.attached();
    pxend.kill('SIGKILL');
    expect(await shell.end()).toBe(`${LEFT}${ENDED}status 1\r\n`);
  });

  test('a fault of mesh itself leaves it as it was', async () => {
    const bomb = join(PROJECT, 'test/fixtures/console-fault.ts');
    process.env['NODE_OPTIONS'] = `--import=${bomb}`;
    const shell = new Shell('workload console -w web');
    delete process.env['NODE_OPTIONS'];
    await shell.attached();
    shell.kill('SIGUSR2');
    expect(await shell.end()).toContain('status 1\r\n');
    expect(shell.shown).toContain('Error: a fault of mesh itself');
  });

  test('the output may go elsewhere', async () => {
    const shell = new Shell('workload console -w web > out');
    await until(() => existsSync(join(folder, 'out')) && readFileSync(join(folder, 'out')).length > 100);
    expect(shell.modes()).toContain('-icanon');
    shell.type('\u001d');
    await shell.end();
    expect(shell.shown).toBe(`${CONNECTED}\r\nLeft the console of web.\r\nstatus 0\r\n`);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toMatch(/^(hello from web\r\n)+$/);
  });
});

describe('in a script', () => {
  const sh = (
    command: string,
  ): { status: number | null; stdout: string; stderr: string; seconds: number } => {
    const from = performance.now();
    const { status, stderr, stdout } = spawnSync(
      'bash',
      ['-c', command.replaceAll('mesh', `${MESH} --root '${root}'`)],
      {
        encoding: 'utf8',
        cwd: folder,
      },
    );
    return { status, stdout, stderr, seconds: (performance.now() - from) / 1000 };
  };

  test('a string is waited for: the end of the input ends nothing, that of the reader all', () => {
    const { seconds, ...seen } = sh('timeout 30 mesh workload console -w web < /dev/null | grep -m1 hello');
    expect(seen).toEqual({ status: 0, stdout: 'hello from web\r\n', stderr: 'Connected to web on tulip.\n' });
    expect(seconds).toBeLessThan(15);
  });

  test('timeout(1) ends it, and --for ends it well', () => {
    const late = sh('timeout 3 mesh workload console -w web < /dev/null > out; echo $?');
    expect([late.stdout, late.stderr]).toEqual([
      '124\n',
      'Connected to web on tulip.\nmesh: ended by SIGTERM; the console of web is left\n',
    ]);
    const { status, stderr } = sh('mesh workload console -w web --for 0.2 < /dev/null > out');
    expect([status, stderr]).toEqual([0, 'Connected to web on tulip.\nLeft the console of web.\n']);
    expect(readFileSync(join(folder, 'out'), 'utf8')).toMatch(/^(hello from web\r\n)+$/);
  });

  test.each([
    ['a pipe', 'printf "a\\035b" | mesh workload console -w web --for 1'],
    [
      'a pipe that stays open',
      'mesh workload console -w web --for 1 < <(printf "a\\035b"; exec sleep 15 > /dev/null 2>&1)',
    ],
    ['a file', 'printf "a\\035b" > keys; mesh workload console -w web --for 1 < keys'],
  ])('input comes from %s, every byte of it', (_, command) => {
    const { seconds, status, stdout } = sh(command);
    expect(status).toBe(0);
    expect(seconds).toBeLessThan(12);
    expect(stdout.replaceAll('hello from web\r\n', '')).toBe('<A\u001dB>');
  });
});
