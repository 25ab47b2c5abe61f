import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type MachineSpec, machineArgv } from './machine.ts';
import { run } from './network.ts';
import type { RoomProcess } from './process.ts';
import type { Room } from './room.ts';

/** Another computer in the room: a network namespace of its own with a cable to the room's switch. */
export class Neighbour {
  readonly namespace: string;
  readonly #room: Room;
  readonly #name: string;
  #taps = 0;

  constructor(room: Room, name: string) {
    this.#room = room;
    this.#name = name;
    this.namespace = `${room.network.namespace}-${name}`;
  }

  /** Its card `lan` in the room's switch has this address. */
  open(cidr: string): void {
    run('ip', 'netns', 'add', this.namespace);
    this.run('ip', 'link', 'set', 'lo', 'up');
    this.plug('lan', cidr, this.#room.network.namespace, 'br0');
  }

  /** A cable from the card `card` of this computer to a bridge in another namespace. */
  plug(card: string, cidr: string, namespace: string, bridge: string): void {
    const far = `${this.#name}-${card}`;
    this.run('ip', 'link', 'add', card, 'type', 'veth', 'peer', 'name', far, 'netns', namespace);
    run('ip', '-n', namespace, 'link', 'set', far, 'master', bridge, 'up');
    this.run('ip', 'address', 'add', cidr, 'dev', card);
    this.run('ip', 'link', 'set', card, 'up');
  }

  /** A switch behind this computer, which forwards between it and the room; it advertises itself there. */
  openNetwork(bridge: string, cidr: string): void {
    this.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    this.run('sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0');
    this.run('ip', 'link', 'add', bridge, 'type', 'bridge', 'forward_delay', '0', 'stp_state', '0');
    this.run('ip', 'address', 'add', cidr, 'dev', bridge);
    this.run('ip', 'link', 'set', bridge, 'up');
    this.#room.advertiseIn(this.namespace, bridge);
  }

  /** Switches a machine on at a switch of this computer. */
  powerOn(spec: MachineSpec, bridge: string): RoomProcess {
    const tap = `tap${this.#taps++}`;
    this.run('ip', 'tuntap', 'add', 'dev', tap, 'mode', 'tap');
    this.run('ip', 'link', 'set', tap, 'master', bridge, 'up');
    return this.#room.spawnIn(this.namespace, spec.name, machineArgv(spec, tap, this.#room.root));
  }

  /** dnsmasq as a DHCP server or, with --dhcp-relay, as a relay. It is ended with the room. */
  serveDhcp(...options: string[]): RoomProcess {
    return this.#room.spawnIn(this.namespace, `${this.#name}-dnsmasq`, [
      ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--log-dhcp'],
      ...[
        '--log-facility=-',
        '--user=root',
        `--dhcp-leasefile=${join(this.#room.root, `${this.#name}.leases`)}`,
      ],
      ...options,
    ]);
  }

  run(command: string, ...args: string[]): void {
    run('ip', 'netns', 'exec', this.namespace, command, ...args);
  }

  close(): void {
    if (existsSync(join('/run/netns', this.namespace))) run('ip', 'netns', 'delete', this.namespace);
  }
}
