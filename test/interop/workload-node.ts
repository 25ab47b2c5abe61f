import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AGENT_PATHS,
  AGENT_SOCKET,
  type AgentLine,
  type AgentRun,
  agentConsolePath,
  agentListSchema,
} from '../../src/api/agent.ts';
import type { WorkloadStatus } from '../../src/domain/workload/status.ts';

const AGENT = join(import.meta.dirname, '../../dist/agent.js');

/** Why tests of workloads cannot run here; undefined when they can. */
export function whyNoNode(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (!existsSync(AGENT)) return 'dist/agent.js is not built (npm run build)';
  for (const program of ['qemu-system-x86_64', 'qemu-img', 'ip', 'as', 'ld']) {
    const isThere = (process.env['PATH'] ?? '').split(':').some(folder => existsSync(join(folder, program)));
    if (!isThere) return `${program} is not installed`;
  }
  return undefined;
}

/** How a command ended: the last line of its answer, and those before it. */
export interface Outcome {
  readonly lines: readonly AgentLine[];
  readonly steps: readonly string[];
  readonly done?: Extract<AgentLine, { done: unknown }>['done'] | undefined;
  readonly error?: Extract<AgentLine, { error: unknown }>['error'] | undefined;
}

/** A node in a folder: the built agent in a network namespace with a bridge br0. Its host0 does not answer. */
export class Node {
  readonly root = mkdtempSync(join(tmpdir(), 'pxen-wl-'));
  readonly namespace = basename(this.root);
  said = '';
  #agent: ChildProcess | undefined;
  #script: ChildProcess | undefined;

  make(): void {
    for (const name of ['proc', 'sys']) symlinkSync(`/${name}`, join(this.root, name));
    this.write('etc/pxen/agent.json', JSON.stringify({ host0: 'http://127.0.0.1:1' }));
    execFileSync('ip', ['netns', 'add', this.namespace]);
    this.run('ip link set lo up; ip link add br0 type bridge; ip link set br0 mtu 1400 up');
  }

  async remove(): Promise<void> {
    await this.endAgent('SIGTERM');
    await this.quiet();
    for (const pid of this.qemus()) process.kill(pid, 'SIGKILL');
    execFileSync('ip', ['netns', 'del', this.namespace]);
    await sleep(100);
    rmSync(this.root, { recursive: true, force: true });
  }

  /** A shell command in the node's network. */
  run(command: string): string {
    return execFileSync('ip', ['netns', 'exec', this.namespace, 'bash', '-c', command], { encoding: 'utf8' });
  }

  write(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true });
    writeFileSync(join(this.root, path), content);
  }

  /** A program of JavaScript on the node, one at a time; resolves when it has said something. */
  async script(code: string, ...given: string[]): Promise<void> {
    await this.quiet();
    const args = ['netns', 'exec', this.namespace, process.execPath, '-e', code, ...given];
    const script = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#script = script;
    await new Promise((resolve, reject) => {
      script.stdout.once('data', resolve);
      script.once('exit', () => reject(new Error('the script on the node ended')));
    });
  }

  async quiet(): Promise<void> {
    const script = this.#script;
    this.#script = undefined;
    if (!script || script.exitCode !== null) return;
    const ended = new Promise(resolve => script.once('exit', resolve));
    script.kill('SIGKILL');
    await ended;
  }

  /** Something on the node listens on this port. */
  occupy(port: number): Promise<void> {
    return this.script(`require('net').createServer().listen(${port}, () => console.log('listening'))`);
  }

  /** Files of a workload's state folder; undefined when there is none. */
  files(uuid: string): string[] | undefined {
    const folder = join(this.root, 'tmp/pxen', uuid);
    return existsSync(folder) ? readdirSync(folder).sort() : undefined;
  }

  read(uuid: string, file: string): string {
    return readFileSync(join(this.root, 'tmp/pxen', uuid, file), 'utf8');
  }

  taps(): string[] {
    return this.run('ls /sys/class/net')
      .split('\n')
      .filter(name => name.startsWith('px'));
  }

  /** Pids of every QEMU that works for this node. */
  qemus(): number[] {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .filter(pid => {
        try {
          const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
          return program.startsWith('qemu') && args.some(arg => arg.includes(this.root));
        } catch {
          return false;
        }
      })
      .map(Number);
  }

  /** `before`: a shell command in the agent's own mount namespace. */
  async startAgent(before = ':'): Promise<void> {
    const script = `${before}; exec "$0" "$@"`;
    const args = [
      'netns',
      'exec',
      this.namespace,
      'sh',
      '-c',
      script,
      process.execPath,
      AGENT,
      '--root',
      this.root,
    ];
    const agent = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    agent.stdout.on('data', piece => {
      this.said += piece;
    });
    this.#agent = agent;
    await this.until('the agent answers', () =>
      this.list().then(
        () => true,
        () => false,
      ),
    );
  }

  async endAgent(signal: NodeJS.Signals): Promise<void> {
    const agent = this.#agent;
    this.#agent = undefined;
    if (!agent || agent.exitCode !== null) return;
    const ended = new Promise(resolve => agent.once('exit', resolve));
    agent.kill(signal);
    await ended;
  }

  async until(what: string, condition: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
    const deadline = performance.now() + seconds * 1000;
    while (!(await condition())) {
      if (performance.now() > deadline) throw new Error(`not within ${seconds} s: ${what}\n${this.said}`);
      await sleep(20);
    }
  }

  async list(): Promise<WorkloadStatus[]> {
    const { body } = await this.ask('GET', AGENT_PATHS.workloads);
    return agentListSchema.parse(JSON.parse(body)).workloads;
  }

  async status(uuid: string): Promise<WorkloadStatus | undefined> {
    return (await this.list()).find(status => status.uuid === uuid);
  }

  /** `onLine` hears the lines as they come. */
  async command(run: Partial<AgentRun>, onLine: (line: AgentLine) => void = () => {}): Promise<Outcome> {
    const lines: AgentLine[] = [];
    await this.ask('POST', AGENT_PATHS.run, JSON.stringify({ accel: 'tcg', ...run }), line => {
      lines.push(JSON.parse(line));
      onLine(JSON.parse(line));
    });
    const last = lines.at(-1) ?? { error: { code: 'INTERNAL', message: 'no line came', details: [] } };
    return {
      lines,
      steps: lines.flatMap(line => ('step' in line ? [line.step] : [])),
      done: 'done' in last ? last.done : undefined,
      error: 'error' in last ? last.error : undefined,
    };
  }

  start(uuid: string, keys: readonly string[], onLine?: (line: AgentLine) => void): Promise<Outcome> {
    return this.command(
      { verb: 'start', uuid, config: { file: `${uuid}.conf`, text: conf(uuid, keys) } },
      onLine,
    );
  }

  ask(
    method: string,
    path: string,
    body?: string,
    onLine: (line: string) => void = () => {},
  ): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: join(this.root, AGENT_SOCKET), method, path }, response => {
        let text = '';
        let told = 0;
        response.setEncoding('utf8');
        response.on('data', piece => {
          text += piece;
          for (let end = text.indexOf('\n', told); end !== -1; end = text.indexOf('\n', told)) {
            onLine(text.slice(told, end));
            told = end + 1;
          }
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  /** The console, or the body of the refusal. */
  console(uuid: string): Promise<Duplex | { code: string; message: string }> {
    return new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'pxen-console' };
      const sent = request({
        socketPath: join(this.root, AGENT_SOCKET),
        path: agentConsolePath(uuid),
        headers,
      });
      sent.on('upgrade', (_response, socket, head) => {
        socket.unshift(head);
        resolve(socket);
      });
      sent.on('response', async response => {
        let text = '';
        for await (const piece of response) text += piece;
        resolve(JSON.parse(text).error);
      });
      sent.on('error', reject);
      sent.end();
    });
  }
}

/** A workload file; `keys` add to the required ones or stand in their place. */
export function conf(uuid: string, keys: readonly string[] = []): string {
  const given = new Set(keys.map(line => line.split('=')[0]));
  const required = [
    `name=${uuid}`,
    `uuid=${uuid}`,
    'platform.memory.size=32M',
    'platform.cpu.threads=1',
    'platform.cpu.mode=qemu64',
  ];
  return `${[...required.filter(line => !given.has(line.split('=')[0])), ...keys].join('\n')}\n`;
}

/** What comes out of a stream until it has this in it. */
export async function hear(stream: Duplex, wanted: string, seconds = 20): Promise<string> {
  let heard = '';
  const late = AbortSignal.timeout(seconds * 1000);
  while (!heard.includes(wanted)) {
    if (late.aborted)
      throw new Error(`not heard within ${seconds} s: ${wanted}; only ${JSON.stringify(heard)}`);
    heard += stream.read()?.toString('latin1') ?? '';
    await sleep(10);
  }
  return heard;
}
