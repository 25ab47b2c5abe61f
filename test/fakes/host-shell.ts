import { Duplex, Readable } from 'node:stream';
import { PxenError } from '../../src/base/error.ts';
import type { HostShell, ShellEnd, ShellOptions } from '../../src/domain/node/shell.ts';

/** A libvirt host that is played: it has a boot, domains, and can be out of reach. */
export class FakeHostShell implements HostShell {
  bootId = 'boot-1';
  /** What a look prints of each domain, by its uuid. */
  readonly domains = new Map<string, string>();
  /** It cannot be reached, for this reason. */
  away: string | undefined;
  /** Of everything that is no look. */
  readonly commands: string[] = [];
  looks = 0;
  isClosed = false;
  answer: (command: string) => Partial<ShellEnd> = () => ({});

  async run(argv: readonly string[], _options: ShellOptions): Promise<ShellEnd> {
    if (this.away !== undefined) throw new PxenError('NODE_UNREACHABLE', this.away);
    const command = argv.join(' ');
    if (command.startsWith('sh -c \nexport')) return this.#said(this.#host());
    if (command.includes('echo @pxen')) return this.#said(this.#domains(command));
    this.commands.push(command);
    return { exitCode: 0, stdout: '', stderr: '', ...this.answer(command) };
  }

  async follow(): Promise<Readable> {
    return Readable.from(['text\n']);
  }

  async connect(): Promise<Duplex> {
    return new Duplex({ read: () => {}, write: (_piece, _encoding, done) => done() });
  }

  close(): void {
    this.isClosed = true;
  }

  #host(): string {
    this.looks++;
    const memory = 'MemTotal: 4194304 kB\nMemAvailable: 2097152 kB';
    const parts = {
      boot: this.bootId,
      arch: 'x86_64',
      threads: '4',
      memory,
      bridges: 'br0',
      interfaces: 'br0\nlo',
    };
    const text = Object.entries(parts).map(([name, value]) => `@${name}\n${value}\n`);
    return `${text.join('')}@domains\n${[...this.domains.keys()].join('\n')}\n`;
  }

  #domains(command: string): string {
    const asked = [...command.matchAll(/@pxen ([0-9a-f-]{36})/g)].map(match => match[1] ?? '');
    return asked.map(uuid => `@pxen ${uuid}\n${this.domains.get(uuid) ?? ''}\n`).join('');
  }

  #said(stdout: string): ShellEnd {
    return { exitCode: 0, stdout, stderr: '' };
  }
}
