import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Devices } from '../../src/agent/device/devices.ts';
import { treeUnder } from '../../src/agent/tree.ts';
import type { ConnectMonitor, Monitor } from '../../src/agent/vm/qmp-control.ts';
import type { Ensuring, Undo } from '../../src/agent/volume/volumes.ts';
import type { Processes, Spawned } from '../../src/agent/workload/processes.ts';
import type { StartPorts, VolumeStore } from '../../src/agent/workload/starting.ts';
import { Taps } from '../../src/agent/workload/taps.ts';
import { PxenError } from '../../src/base/error.ts';
import type { ProcessMark } from '../../src/domain/vm/launch.ts';
import type { Volume, Workload } from '../../src/domain/workload/workload.ts';
import type { Exec, Execution } from '../../src/io/exec.ts';
import { sha1 } from '../../src/io/sha1.ts';
import { sha256 } from '../../src/io/sha256.ts';
import type { QmpEvent } from '../../src/wire/qmp/message.ts';
import { ManualClock } from './clock.ts';
import { FakePci } from './pci.ts';

/** A process that behaves like QEMU as seen from the agent: a pid, a monitor, an exit status. */
export class FakeQemu {
  readonly pid: number;
  readonly folder: string;
  readonly ended: Promise<void>;
  /** Commands that came over its monitor. */
  readonly heard: string[] = [];
  status = 'running';
  /** A guest that hears its power button shuts down. */
  obeys = true;
  /** A QEMU that hangs answers nothing and does not quit. */
  hangs = false;
  /** Bytes that its guest has. */
  guestMemory = 512 * 1024 ** 2;
  hasBalloonDriver = true;
  /** The file in its drive; undefined: that of the start. */
  medium: string | undefined;
  /** Its guest has it mounted. */
  keepsMedium = false;
  /** It mounts the next one that comes. */
  keepsNext = false;
  /** In the D state of the kernel: not even SIGKILL ends it. */
  isStuck = false;
  isAlive = true;
  #resolve: () => void;
  #onEvent: ((event: QmpEvent) => void) | undefined;
  #close: (() => void) | undefined;

  constructor(pid: number, folder: string) {
    this.pid = pid;
    this.folder = folder;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#resolve = resolve;
    writeFileSync(join(folder, 'pid'), `${pid}\n`);
  }

  connect(onEvent: (event: QmpEvent) => void): Monitor {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#onEvent = onEvent;
    this.#close = resolve;
    return { closed, close: resolve, execute: (command, args) => this.#execute(command, args) };
  }

  emit(name: string, data: Record<string, unknown> = {}): void {
    this.#onEvent?.({ name, data, at: undefined });
  }

  say(text: string): void {
    writeFileSync(join(this.folder, 'output.log'), text, { flag: 'a' });
  }

  /** `status` as a shell tells it. */
  end(status: number): void {
    if (!this.isAlive) return;
    this.isAlive = false;
    writeFileSync(join(this.folder, 'exit'), `${status}\n`);
    this.#close?.();
    this.#resolve();
  }

  shutDown(reason: string): void {
    this.emit('SHUTDOWN', { guest: reason.startsWith('guest'), reason });
    this.emit('STOP');
    this.end(0);
  }

  /** The connection breaks off, and QEMU goes on. */
  disconnect(): void {
    this.#close?.();
  }

  async #execute(command: string, args: object = {}): Promise<unknown> {
    this.heard.push(command);
    if (this.hangs) throw new PxenError('TIMEOUT', `QEMU did not answer ${command} within 2 s`);
    switch (command) {
      case 'query-status':
        return { status: this.status, running: this.status === 'running' };
      case 'query-blockstats':
        return [{ device: 'vol0', stats: { rd_bytes: 4096, wr_bytes: 512 } }];
      case 'query-balloon':
        return { actual: this.guestMemory };
      case 'balloon':
        if (this.hasBalloonDriver && 'value' in args) this.guestMemory = Number(args.value);
        return {};
      case 'blockdev-change-medium':
        if (this.keepsMedium)
          throw new PxenError(
            'WORKLOAD_FAILED',
            "QEMU refused it: Device 'vol0' is locked and force was not specified",
          );
        if ('filename' in args) this.medium = `${args.filename}`;
        this.keepsMedium = this.keepsNext;
        return {};
      case 'stop':
        return this.#become('paused', 'STOP');
      case 'cont':
        return this.#become('running', 'RESUME');
      case 'system_powerdown':
        if (this.obeys && this.status === 'running') this.shutDown('guest-shutdown');
        return {};
      case 'quit':
        this.shutDown('host-qmp-quit');
        return {};
      default:
        throw new PxenError('WORKLOAD_FAILED', `QEMU refused ${command}: unknown`);
    }
  }

  #become(status: string, event: string): object {
    this.status = status;
    this.emit(event);
    return {};
  }
}

/** Volumes that are wherever they should be; a test says otherwise. */
export class FakeVolumes implements VolumeStore {
  readonly log: string[] = [];
  existing: string[] = [];
  /** What an `ensure` does meanwhile: it may wait, fail, or be called off. */
  fetch: (on: Ensuring) => Promise<void> = async () => {};

  async start(): Promise<void> {}

  async ensure({ name, volumes }: Workload, on: Ensuring): Promise<Undo> {
    this.log.push(`ensure ${name}`);
    await this.fetch(on);
    on.signal.throwIfAborted();
    this.existing = volumes.map(({ path }) => path);
    return async () => {
      this.log.push(`undo ${name}`);
    };
  }

  /** What `ensure` would refuse. */
  trouble: PxenError | undefined;

  async refuse(): Promise<void> {
    if (this.trouble) throw this.trouble;
  }

  /** Of a workload that was only downloaded. */
  downloaded = new Map<string, string[]>();

  async abandon(uuid: string): Promise<readonly string[] | undefined> {
    const paths = this.downloaded.get(uuid);
    this.downloaded.delete(uuid);
    return paths;
  }

  async taken({ name }: Workload): Promise<void> {
    this.log.push(`taken ${name}`);
  }

  async release({ name, volumes }: Workload): Promise<readonly string[]> {
    this.log.push(`release ${name}`);
    return volumes.filter(volume => volume.ephemeral).map(({ path }) => path);
  }

  async drop({ name }: Workload, { ephemeral, path }: Volume): Promise<boolean> {
    this.log.push(`drop ${name} ${path}`);
    return ephemeral;
  }

  async paths(): Promise<{ existing: string[]; owned: string[] }> {
    return { existing: this.existing, owned: [] };
  }

  async sizes({ volumes }: Workload): Promise<Map<number, number>> {
    return new Map(volumes.map(({ id }) => [id, 1024]));
  }
}

const WELL: Omit<Execution, 'command'> = {
  exitCode: 0,
  signal: undefined,
  stdout: '',
  stderr: '',
  timedOut: false,
  failure: undefined,
};

/** A node in a folder: its processes, QEMU and `ip` are played, its files are real. */
export class FakeNode {
  readonly root = mkdtempSync(join(tmpdir(), 'pxen-fake-'));
  readonly clock = new ManualClock();
  readonly volumes = new FakeVolumes();
  readonly pci = new FakePci(this.root);
  readonly qemus: FakeQemu[] = [];
  readonly said: string[] = [];
  /** Batches of `ip`, line by line. */
  readonly ip: string[] = [];
  changes = 0;
  /** What happens to a QEMU as soon as it is spawned. */
  onLaunch: (qemu: FakeQemu) => void = () => {};
  /** A line of a batch that `ip` fails at. */
  ipRefuses: RegExp | undefined;
  onLaunchFailure: Error | undefined;
  /** On its PATH. */
  programs = ['qemu-system-x86_64', 'stratovirt'];

  constructor() {
    this.write('proc/meminfo', 'MemAvailable:    1048576 kB\n');
    this.write('sys/devices/system/cpu/online', '0-3\n');
    this.write('sys/class/net/br0/mtu', '9000\n');
    this.write('proc/net/tcp', '');
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content);
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }

  ports(): StartPorts {
    const tree = treeUnder(this.root);
    return {
      root: this.root,
      tree,
      clock: this.clock,
      processes: this.#processes(),
      exec: this.#exec,
      connect: this.#connect,
      taps: new Taps({ tree, exec: this.#exec, sha256 }),
      devices: new Devices({
        root: this.root,
        tree,
        exec: this.#exec,
        write: this.pci.write,
        say: line => this.said.push(line),
      }),
      volumes: this.volumes,
      facts: {
        cpuModels: async () => ['host', 'max', 'qemu64'],
        kvm: async () => ({ state: 'usable' }),
        hasProgram: name => this.programs.includes(name),
      },
      claimed: new Set(),
      sha256,
      sha1,
      say: line => this.said.push(line),
      changed: () => {
        this.changes += 1;
      },
    };
  }

  /** The one that was spawned last. */
  get qemu(): FakeQemu {
    const last = this.qemus.at(-1);
    if (!last) throw new Error('nothing was spawned');
    return last;
  }

  #processes(): Processes {
    const living = ({ word }: ProcessMark): FakeQemu | undefined =>
      this.qemus.find(qemu => qemu.isAlive && word.startsWith(`${qemu.folder}/`));
    return {
      launch: async (_argv, folder): Promise<Spawned> => {
        if (this.onLaunchFailure) throw this.onLaunchFailure;
        const qemu = new FakeQemu(1000 + this.qemus.length, folder.path);
        this.qemus.push(qemu);
        this.onLaunch(qemu);
        return { ended: qemu.ended, kill: () => qemu.end(137) };
      },
      bears: (pid, mark) => living(mark)?.pid === pid,
      find: mark => living(mark)?.pid,
      kill: pid => {
        const qemu = this.qemus.find(one => one.pid === pid);
        if (!qemu?.isStuck) qemu?.end(137);
      },
      stat: pid => `${pid} (qemu) S ${Array.from({ length: 49 }, () => 100).join(' ')}`,
    };
  }

  #connect: ConnectMonitor = async (path, { onEvent, signal }) => {
    const qemu = this.qemus.find(one => one.isAlive && path.startsWith(`${one.folder}/`));
    if (qemu && !qemu.hangs) return qemu.connect(onEvent);
    return new Promise((_, reject) => {
      const giveUp = (): void => reject(new PxenError('WORKLOAD_FAILED', `${path}: connecting was given up`));
      signal?.addEventListener('abort', giveUp);
      if (!signal) giveUp();
    });
  };

  #exec: Exec = async (file, args) => {
    const commands =
      treeUnder('/')
        .text(args.at(-1) ?? '')
        ?.split('\n') ?? [];
    this.ip.push(...commands);
    const command = [file, ...args].join(' ');
    const bad = commands.findIndex(line => this.ipRefuses?.test(line));
    for (const line of bad === -1 ? commands : commands.slice(0, bad)) this.#obey(line);
    if (bad === -1) return { ...WELL, command };
    const stderr = `RTNETLINK answers: Operation not permitted\nCommand failed ${args.at(-1)}:${bad + 1}\n`;
    return { ...WELL, command, exitCode: 1, stderr };
  };

  #obey(line: string): void {
    const [, verb, name = ''] = /(add|delete) dev (\S+)/.exec(line) ?? [];
    const folder = join(this.root, 'sys/class/net', name);
    if (verb === 'add') mkdirSync(join(folder, 'statistics'), { recursive: true });
    if (verb === 'delete') rmSync(folder, { recursive: true });
  }
}
