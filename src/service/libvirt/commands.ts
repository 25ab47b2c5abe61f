import { PxenError } from '../../base/error.ts';
import type { HostShell, ShellEnd, ShellOptions } from '../../domain/node/shell.ts';
import { hostLookCommand, type LibvirtHostFacts, parseHostLook } from '../../domain/vm/libvirt/host-look.ts';
import { type DomainSight, lookCommand, MOST_LOOKS, parseLook } from '../../domain/vm/libvirt/look.ts';
import { complaintOf, DOMAIN, isAgentSilent } from '../../domain/vm/libvirt/virsh.ts';
import type { GuestStatus } from '../../domain/workload/status.ts';
import { addressesOf, interfacesOf } from '../../wire/qmp/guest-answers.ts';

/** Milliseconds. A libvirtd that was just started first asks every QEMU what it can do. */
const LOOK_TIMEOUT = 60_000;
const COMMAND_TIMEOUT = 120_000;
/** Seconds that the agent in a guest may take for an answer. */
const GUEST_PATIENCE = 2;

/** What is asked of, and done on, one libvirt host. */
export class HostCommands {
  readonly #name: string;
  readonly #shell: HostShell;

  constructor(name: string, shell: HostShell) {
    this.#name = name;
    this.#shell = shell;
  }

  /** The host as it is now. Rejects with NODE_UNREACHABLE and the like. */
  async facts(paths: readonly string[] = []): Promise<LibvirtHostFacts> {
    const end = await this.#shell.run(hostLookCommand(paths), { timeout: LOOK_TIMEOUT });
    const facts = parseHostLook(end.stdout);
    if (facts && end.exitCode === 0) return facts;
    throw new PxenError('NODE_UNREACHABLE', `libvirt on ${this.#name} does not answer: ${wordsOf(end)}`, {
      details: ['on the host: systemctl status libvirtd; virsh -c qemu:///system list'],
    });
  }

  /** Those that are there. */
  async domains(uuids: readonly string[]): Promise<DomainSight[]> {
    const sights: DomainSight[] = [];
    for (let at = 0; at < uuids.length; at += MOST_LOOKS) {
      const command = lookCommand(uuids.slice(at, at + MOST_LOOKS));
      sights.push(...parseLook((await this.#shell.run(command, { timeout: LOOK_TIMEOUT })).stdout));
    }
    return sights;
  }

  async domain(uuid: string): Promise<DomainSight | undefined> {
    return (await this.domains([uuid]))[0];
  }

  /** How the agent in a guest is. */
  async guest(uuid: string): Promise<GuestStatus> {
    const command = '{"execute":"guest-network-get-interfaces"}';
    const end = await this.#shell.run(DOMAIN.askAgent(uuid, command, GUEST_PATIENCE), {
      timeout: LOOK_TIMEOUT,
    });
    // One that refuses this is there all the same.
    if (end.exitCode !== 0) return { agent: isAgentSilent(end.stderr) ? 'silent' : 'answers', addresses: [] };
    return { agent: 'answers', addresses: addressesOf(interfacesOf(answerIn(end.stdout))) };
  }

  /** Rejects with WORKLOAD_FAILED and what the program said: `what` is `name: cannot be defined`. */
  async must(argv: readonly string[], what: string, options: Partial<ShellOptions> = {}): Promise<string> {
    const end = await this.run(argv, options);
    if (end.exitCode === 0) return end.stdout;
    throw new PxenError('WORKLOAD_FAILED', `${what} on ${this.#name}: ${wordsOf(end)}`, {
      details: end.stderr
        .split('\n')
        .filter(line => line.trim() !== '')
        .slice(0, MOST_LINES),
    });
  }

  run(argv: readonly string[], options: Partial<ShellOptions> = {}): Promise<ShellEnd> {
    return this.#shell.run(argv, { timeout: COMMAND_TIMEOUT, ...options });
  }
}

const MOST_LINES = 20;

/** The last word of a program that failed. */
function wordsOf({ exitCode, stderr }: ShellEnd): string {
  const last = complaintOf(stderr) ?? stderr.trim().split('\n').at(-1);
  return last || (exitCode === undefined ? 'a signal ended it' : `it ended with status ${exitCode}`);
}

/** What the agent in a guest returned. */
function answerIn(text: string): unknown {
  try {
    return (JSON.parse(text) as { readonly return?: unknown }).return;
  } catch {
    return undefined;
  }
}
