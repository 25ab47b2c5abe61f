import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** host0's address in every room; the room is a world of its own, so all rooms may use the same one. */
export const HOST0 = '10.77.0.1';
export const PREFIX = 24;
export const BRIDGE = 'br0';

/** Runs a command to its end; throws with its own complaint when it fails. */
export function run(command: string, ...args: string[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.error) throw new Error(`${command}: ${done.error.message}`);
  if (done.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${done.stderr.trim() || `exit ${done.status}`}`);
  return done.stdout;
}

/**
 * A network namespace with a bridge: the switch of the room. host0 is the bridge's own address, every machine
 * gets a tap in it. Nothing of it reaches the networks of this computer.
 */
export class RoomNetwork {
  readonly namespace: string;
  #taps = 0;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  open(): void {
    run('ip', 'netns', 'add', this.namespace);
    this.#inside('ip', 'link', 'set', 'lo', 'up');
    // Without this the bridge spends seconds on duplicate address detection before the router can advertise.
    this.#inside('sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0');
    this.#inside('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
    this.#inside('ip', 'link', 'add', BRIDGE, 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0');
    this.#inside('ip', 'address', 'add', `${HOST0}/${PREFIX}`, 'dev', BRIDGE);
    this.#inside('ip', 'link', 'set', BRIDGE, 'up');
  }

  /** A new port of the switch; returns the name of its tap. */
  addPort(): string {
    const tap = `tap${this.#taps++}`;
    this.#inside('ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap');
    this.#inside('ip', 'link', 'set', tap, 'master', BRIDGE, 'up');
    return tap;
  }

  /** Prefix for a command line that shall run inside. */
  enter(): string[] {
    return ['ip', 'netns', 'exec', this.namespace];
  }

  close(): void {
    if (existsSync(join('/run/netns', this.namespace))) run('ip', 'netns', 'delete', this.namespace);
  }

  #inside(...command: string[]): void {
    run('ip', 'netns', 'exec', this.namespace, ...command);
  }
}

/**
 * Configuration of a real router advertisement sender: on a LAN without one, iPXE waits 16 s for it
 * before it looks at its IPv4 lease. Lifetime 0: nobody takes it for a gateway.
 */
export function writeRouterConfig(file: string, link = BRIDGE): void {
  const body = 'AdvSendAdvert on; AdvDefaultLifetime 0; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; ';
  writeFileSync(file, `interface ${link} { ${body} };\n`);
}

/** Removes the namespaces of rooms whose process is gone (kill -9, power cut). Their names end in its process id. */
export function sweepAbandoned(): string[] {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  const abandoned = names.filter(name => {
    const owner = /^pxen-(\d+)(?:-\d+)?(?:-[a-z]+)?$/.exec(name)?.[1];
    return owner !== undefined && !existsSync(join('/proc', owner));
  });
  for (const name of abandoned) run('ip', 'netns', 'delete', name);
  return abandoned;
}
