import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageFolder, PROJECT } from '../../scripts/room/room.ts';
import { generateSshKey, type SshKeyPair } from '../../src/io/keys/openssh.ts';

/** The sshd of the node image in its own root, on a loopback port: exactly what nodes run, and nothing is installed on this computer. */
export class NodeSshd {
  readonly address = '127.0.0.1';
  readonly port: number;
  /** Its host key; the one that a node would have from its overlay. */
  readonly hostKey: SshKeyPair = generateSshKey('pxen@91d5815f');
  /** Opens it. */
  readonly host0: SshKeyPair = generateSshKey('pxen@host0');
  readonly folder: string;
  log = '';
  #daemon: ChildProcess | undefined;

  constructor(port: number) {
    this.port = port;
    this.folder = mkdtempSync(join(tmpdir(), 'pxen-sshd-'));
  }

  /** What is `/` for whoever comes in. */
  get root(): string {
    return join(this.folder, 'root');
  }

  async start(): Promise<void> {
    const image = join(imageFolder(), 'http/boot/root.squashfs');
    execFileSync('unsquashfs', ['-q', '-n', '-d', this.root, image]);
    mkdirSync(join(this.root, 'etc/ssh'), { mode: 0o755 });
    const config = this.#configuration();
    this.#daemon = startPrivately(this.root, ['/usr/sbin/sshd', '-D', '-e', '-f', config]);
    this.#daemon.stderr?.on('data', piece => {
      this.log += piece;
    });
    await this.saw(/Server listening/);
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon) {
      const ended = new Promise(resolve => daemon.once('close', resolve));
      daemon.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true });
  }

  /** Processes that serve one connection each. */
  sessions(): number[] {
    const pid = this.#daemon?.pid ?? 0;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  }

  /** Waits until the log has it. */
  async saw(pattern: RegExp): Promise<void> {
    for (let i = 0; i < 200 && !pattern.test(this.log); i++)
      await new Promise(resolve => setTimeout(resolve, 50));
    if (!pattern.test(this.log)) throw new Error(`sshd does not say ${pattern}: ${this.log}`);
  }

  /** That of every overlay, with what a test needs before it: the first value that sshd finds counts. */
  #configuration(): string {
    this.#write('ssh_host_ed25519_key', this.hostKey.privateKey);
    const here = [
      `ListenAddress ${this.address}`,
      `Port ${this.port}`,
      `AuthorizedKeysFile ${this.#write('authorized_keys', `${this.host0.publicKey}\n`)}`,
      'PidFile none',
      'StrictModes no',
      'MaxStartups 100',
    ];
    const product = readFileSync(join(PROJECT, 'apkovl/etc/ssh/sshd_config'), 'utf8');
    return this.#write('sshd_config', `${here.join('\n')}\n${product}`);
  }

  #write(name: string, text: string): string {
    writeFileSync(join(this.root, 'etc/ssh', name), text, { mode: 0o600 });
    return join('/etc/ssh', name);
  }
}

/** In a mount namespace of its own: what is mounted there goes away with the daemon. */
function startPrivately(root: string, command: string[]): ChildProcess {
  const script = [
    'mount --rbind /dev "$0/dev"',
    'mount -t proc proc "$0/proc"',
    'mkdir -p -m 755 "$0/run/sshd"',
    'exec chroot "$0" "$@"',
  ].join(' && ');
  return spawn('unshare', ['--mount', 'sh', '-ec', script, root, ...command], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}
