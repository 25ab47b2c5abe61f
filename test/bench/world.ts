import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the load comes from; also the relay agent of the DHCP cases. */
export const LOAD_ADDRESS = '10.77.0.2';

/** One address for each server, so that all may have their usual port. */
export const ADDRESSES = {
  pxen: '10.77.0.1',
  'tftpd-hpa': '10.77.0.3',
  atftpd: '10.77.0.4',
  dnsmasq: '10.77.0.5',
  kea: '10.77.0.6',
  nginx: '10.77.0.7',
} as const;
export type Subject = keyof typeof ADDRESSES;

/** Servers have the first processor and the load the second: neither takes time from the other. */
const SERVER_CPU = '0';
const LOAD_CPU = '1';
const DIE_WITH_US = ['--pdeathsig', 'KILL'];
const TICKS_PER_SECOND = 100;

export function run(command: string, ...args: string[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${done.error?.message ?? done.stderr.trim()}`);
  return done.stdout;
}

/** The program's path, or undefined when it is not installed. */
export function programOf(...candidates: string[]): string | undefined {
  for (const candidate of candidates) {
    const found = spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${candidate}`], {
      encoding: 'utf8',
    });
    if (found.status === 0) return found.stdout.trim();
  }
  return undefined;
}

/** Two network namespaces with a cable between them, and a folder; nothing of this computer's own network is used. */
export class World {
  readonly folder: string;
  readonly #servers = `pxen-${process.pid}-1`;
  readonly #load = `pxen-${process.pid}-2`;
  readonly #running = new Set<Server>();

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'pxen-bench-'));
  }

  open(): void {
    for (const name of [this.#servers, this.#load]) {
      run('ip', 'netns', 'add', name);
      run('ip', '-n', name, 'link', 'set', 'lo', 'up');
    }
    run(
      'ip',
      '-n',
      this.#servers,
      'link',
      'add',
      'eth0',
      'type',
      'veth',
      'peer',
      'eth0',
      'netns',
      this.#load,
    );
    for (const address of Object.values(ADDRESSES))
      run('ip', '-n', this.#servers, 'address', 'add', `${address}/16`, 'dev', 'eth0');
    run('ip', '-n', this.#load, 'address', 'add', `${LOAD_ADDRESS}/16`, 'dev', 'eth0');
    for (const name of [this.#servers, this.#load]) run('ip', '-n', name, 'link', 'set', 'eth0', 'up');
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map(server => server.stop()));
    for (const name of [this.#servers, this.#load]) spawnSync('ip', ['netns', 'delete', name]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Writes a file below the folder and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  /** Starts a server on the servers' processor; `environment` is added to ours. */
  start(argv: readonly string[], environment: Record<string, string> = {}): Server {
    const child = spawn(
      'setpriv',
      [...DIE_WITH_US, 'ip', 'netns', 'exec', this.#servers, 'taskset', '-c', SERVER_CPU, ...argv],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...environment },
      },
    );
    const server = new Server(child, () => this.#running.delete(server));
    this.#running.add(server);
    return server;
  }

  /** Runs a load to its end on the load's processor and returns what it printed. */
  async load(argv: readonly string[]): Promise<string> {
    const child = spawn(
      'setpriv',
      [...DIE_WITH_US, 'ip', 'netns', 'exec', this.#load, 'taskset', '-c', LOAD_CPU, ...argv],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let output = '';
    let complaint = '';
    child.stdout.on('data', chunk => {
      output += chunk;
    });
    child.stderr.on('data', chunk => {
      complaint += chunk;
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`${argv.slice(0, 3).join(' ')}: exit ${code}: ${complaint.slice(-500)}`);
    return output;
  }
}

/** A running server under measurement. */
export class Server {
  output = '';
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(child: ChildProcess, onEnd: () => void) {
    this.#child = child;
    const keep = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-4000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    // Not 'close': the children of tftpd-hpa keep its output open for a minute.
    this.#ended = once(child, 'exit').finally(onEnd);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** User and system time so far, seconds: of the process and of all its children, whether they have ended or not. */
  cpuSeconds(): number {
    return cpuTicks(this.pid) / TICKS_PER_SECOND;
  }

  /** Waits until the server says this, or for some time when it says nothing at all. */
  async ready(text: RegExp | number): Promise<void> {
    if (typeof text === 'number') await sleep(text);
    const end = performance.now() + 30_000;
    while (text instanceof RegExp && !text.test(this.output)) {
      if (performance.now() > end || this.#child.exitCode !== null)
        throw new Error(`the server did not become ready; it said: ${this.output}`);
      await sleep(20);
    }
    if (this.#child.exitCode !== null) throw new Error(`the server ended: ${this.output}`);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGTERM');
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#ended;
    clearTimeout(killer);
  }
}

/** tftpd-hpa has a child for each transfer, and those that live do not count as its own yet. */
function cpuTicks(pid: number): number {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(name);
    if (Number(name) === pid || Number(fields[1]) === pid)
      ticks += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  }
  return ticks;
}

/** /proc/PID/stat behind the name: state, parent, ...; empty when the process is gone. */
function statOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
  } catch {
    return [];
  }
}
