import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { imageFolder } from '../../scripts/room/room.ts';
import type { HostShell, ShellEnd, ShellOptions, ShellSocket } from '../../src/domain/node/shell.ts';
import { generateSshKey } from '../../src/io/keys/openssh.ts';
import { LocalShell } from '../../src/io/local-shell.ts';

const PROGRAMS = ['libvirtd', 'virtlogd', 'virsh', 'qemu-system-x86_64', 'qemu-img'];

/** Why no libvirtd can run here; undefined when one can. */
export function whyNoLibvirtd(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root: a libvirtd needs namespaces of its own';
  const absent = PROGRAMS.filter(name => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  if (absent.length > 0) return `no ${absent.join(', ')}; scripts/deps installs them`;
  const inside = spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', '--mount-proc', 'true']);
  return inside.status === 0 ? undefined : `unshare: ${inside.stderr}`;
}

/** Paths of libvirtd are fixed: in a mount namespace they are folders of the test's own. */
const SCRIPT = `
cd "$1"
mkdir -p etc lib/libvirt/qemu lib/libvirt/dnsmasq run log/libvirt/qemu cache
for it in etc:/etc/libvirt passwd:/etc/passwd group:/etc/group lib:/var/lib log:/var/log cache:/var/cache run:/run
do mount --bind "$PWD/\${it%%:*}" "\${it#*:}"
done
mount -t sysfs sysfs /sys
mkdir /run/sshd
ip link set lo up
[ -e /sys/class/net/br0 ] || ip link add br0 type bridge
ip link set br0 up
virtlogd --daemon
exec 3>up
libvirtd &
wait $!
`;

/** As boot-lab 5.11 says. Nothing here runs as another user, or in cgroups. */
const QEMU_CONF = `
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
dynamic_ownership = 0
`;

export interface LibvirtdOptions {
  /** A network namespace (ip-netns) that is there already. Default: one of its own, with a bridge br0. */
  readonly network?: string;
}

/** A libvirtd with its own folders, network and processes: nothing of this computer is touched, and all of it ends with it. */
export class Libvirtd {
  readonly folder: string;
  readonly #options: LibvirtdOptions;
  #process: ChildProcess | undefined;
  #pid = 0;
  #door: Server | undefined;
  said = '';

  constructor(options: LibvirtdOptions = {}) {
    this.#options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'libvirtd-'));
  }

  /** Waits until it answers: that is when it has asked QEMU what it can do. */
  async start(): Promise<void> {
    this.#configure();
    const { network } = this.#options;
    const flags = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
    const inside = [...flags, 'sh', '-ec', SCRIPT, 'sh', this.folder];
    const [program = '', ...args] =
      network === undefined
        ? ['unshare', '--net', ...inside]
        : ['nsenter', `--net=/run/netns/${network}`, 'unshare', ...inside];
    this.#process = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process.stderr?.on('data', piece => {
      this.said += piece;
    });
    const parent = this.#process.pid;
    await until(`libvirtd does not start`, () => existsSync(join(this.folder, 'run/libvirt/libvirt-sock')));
    this.#pid = Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8'));
    this.virsh('version');
  }

  async stop(): Promise<void> {
    await new Promise<void>(resolve => (this.#door ? this.#door.close(() => resolve()) : resolve()));
    const ended = new Promise(resolve => this.#process?.once('exit', resolve));
    this.#process?.kill('SIGKILL');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The words that bring a command into its namespaces. */
  get inside(): string[] {
    return ['nsenter', '--target', `${this.#pid}`, '--mount', '--net', '--pid'];
  }

  virsh(...words: string[]): string {
    const [program = '', ...args] = [
      ...this.inside,
      'env',
      'LC_ALL=C',
      '/usr/bin/virsh',
      '--connect',
      'qemu:///system',
      ...words,
    ];
    return execFileSync(program, args, {
      encoding: 'utf8',
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  run(...argv: string[]): string {
    const [program = '', ...args] = [...this.inside, ...argv];
    return execFileSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  }

  /** The pid of a domain's QEMU, in the namespace. */
  qemu(domain: string): string {
    return readFileSync(join(this.folder, `run/libvirt/qemu/${domain}.pid`), 'utf8').trim();
  }

  /** A program called virsh, in a folder for the PATH, that talks with this libvirtd. */
  programs(): string {
    const folder = join(this.folder, 'bin');
    mkdirSync(folder, { recursive: true });
    const script = join(folder, 'virsh');
    writeFileSync(script, `#!/bin/sh\nexec ${this.inside.join(' ')} /usr/bin/virsh "$@"\n`);
    chmodSync(script, 0o755);
    return folder;
  }

  /**
   * An sshd on a port of this computer's loopback, whose sessions are in the namespaces: what a libvirt host has. The
   * program is that of the node image. The known_hosts line of its key.
   */
  async openSsh(authorizedKey: string): Promise<{ port: number; knownHosts: string }> {
    const image = join(imageFolder(), 'http/boot/root.squashfs');
    const root = join(this.folder, 'sshd');
    execFileSync('unsquashfs', ['-q', '-n', '-d', root, image, 'usr/sbin/sshd']);
    const hostKey = generateSshKey('libvirt host');
    const at = (name: string, text: string): string => {
      writeFileSync(join(this.folder, name), text, { mode: 0o600 });
      return join(this.folder, name);
    };
    const config = at(
      'sshd_config',
      [
        `HostKey ${at('host_key', hostKey.privateKey)}`,
        `AuthorizedKeysFile ${at('authorized_keys', `${authorizedKey}\n`)}`,
        ...['PermitRootLogin prohibit-password', 'UsePAM no', 'StrictModes no', ''],
      ].join('\n'),
    );
    const door = createServer({ pauseOnConnect: true }, socket => {
      const [program = '', ...args] = [...this.inside, join(root, 'usr/sbin/sshd'), '-i', '-e', '-f', config];
      const session = spawn(program, args, { stdio: [socket, socket, 'pipe'] });
      session.stderr.on('data', piece => {
        this.said += piece;
      });
      socket.destroy();
    });
    this.#door = door;
    await new Promise<void>(resolve => door.listen(0, '127.0.0.1', resolve));
    const address = door.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    return { port, knownHosts: at('known_hosts', `[127.0.0.1]:${port} ${hostKey.publicKey}\n`) };
  }

  #configure(): void {
    const etc = join(this.folder, 'etc');
    mkdirSync(etc);
    writeFileSync(join(etc, 'qemu.conf'), QEMU_CONF);
    writeFileSync(join(etc, 'libvirtd.conf'), 'auth_unix_rw = "none"\nauth_unix_ro = "none"\n');
    // libvirtd does not start without its user, though nothing runs as it, nor sshd without its own. What root's own shell
    // does at a login is no part of a test.
    const users = readFileSync('/etc/passwd', 'utf8').replace(/^(root:.*:).*$/m, '$1/bin/sh');
    const sshd = users.includes('\nsshd:') ? '' : 'sshd:x:64056:64056::/:/bin/false\n';
    writeFileSync(join(this.folder, 'passwd'), `${users}libvirt-qemu:x:64055:64055::/:/bin/false\n${sshd}`);
    const groups = readFileSync('/etc/group', 'utf8');
    writeFileSync(join(this.folder, 'group'), `${groups}libvirt-qemu:x:64055:\nkvm:x:64057:\n`);
  }
}

/** The command line of whoever sits on that libvirt host. Its TCP ports are in another network and not to be had. */
export class InsideShell implements HostShell {
  readonly #local = new LocalShell();
  readonly #daemon: Libvirtd;

  constructor(daemon: Libvirtd) {
    this.#daemon = daemon;
  }

  run(argv: readonly string[], options: ShellOptions): Promise<ShellEnd> {
    return this.#local.run([...this.#daemon.inside, ...argv], options);
  }

  follow(argv: readonly string[], signal: AbortSignal): Promise<Readable> {
    return this.#local.follow([...this.#daemon.inside, ...argv], signal);
  }

  connect(to: ShellSocket, signal: AbortSignal): Promise<Duplex> {
    return this.#local.connect(to, signal);
  }

  close(): void {
    this.#local.close();
  }
}

export async function until(what: string, isSo: () => boolean, patience = 60_000): Promise<void> {
  const end = Date.now() + patience;
  while (!isSo()) {
    if (Date.now() > end) throw new Error(`${what} within ${patience / 1000} s`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
