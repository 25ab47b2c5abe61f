import { meminfoKib } from '../../node/meminfo.ts';
import { listening, tcpSockets } from '../../node/tcp-table.ts';
import { virsh } from './virsh.ts';

/** What a libvirt host tells of itself. Memory in KiB. */
export interface LibvirtHostFacts {
  readonly bootId: string;
  readonly arch: string;
  readonly threads: number;
  readonly memTotalKiB: number;
  readonly memAvailableKiB: number;
  readonly interfaces: readonly string[];
  readonly bridges: readonly string[];
  readonly busyPorts: readonly number[];
  readonly hasKvm: boolean;
  readonly hasVhostVsock: boolean;
  /** Those of the paths asked for that exist. */
  readonly existingPaths: readonly string[];
  /** uuids of all its domains, whosever they are. */
  readonly domains: readonly string[];
}

/** Each part under its own heading. `$@`: paths to look for. */
const SCRIPT = `
export LC_ALL=C
part() { printf '@%s\\n' "$1"; }
part boot; cat /proc/sys/kernel/random/boot_id
part arch; uname -m
part threads; getconf _NPROCESSORS_ONLN
part memory; cat /proc/meminfo
part interfaces; ls /sys/class/net
part bridges; for it in /sys/class/net/*/bridge; do [ ! -d "$it" ] || basename "\${it%/bridge}"; done
part sockets; cat /proc/net/tcp /proc/net/tcp6 2>/dev/null
part devices; for it in /dev/kvm /dev/vhost-vsock; do [ ! -c "$it" ] || echo "$it"; done
part paths; for it; do [ ! -e "$it" ] || printf '%s\\n' "$it"; done
part domains; exec ${virsh('list', '--all', '--uuid').join(' ')}
`;

/** One command that tells all of it; its status is that of virsh. */
export function hostLookCommand(paths: readonly string[]): string[] {
  return ['sh', '-c', SCRIPT, 'sh', ...paths];
}

/** Undefined when that is not what the command prints. */
export function parseHostLook(text: string): LibvirtHostFacts | undefined {
  const parts = new Map(
    text
      .split(/^@/m)
      .slice(1)
      .map(part => {
        const [name = '', ...lines] = part.split('\n');
        return [name, lines.filter(line => line !== '')] as const;
      }),
  );
  const lines = (name: string): readonly string[] => parts.get(name) ?? [];
  const bootId = lines('boot')[0];
  if (bootId === undefined || !parts.has('domains')) return undefined;
  const memory = lines('memory').join('\n');
  return {
    bootId,
    arch: lines('arch')[0] ?? '',
    threads: Number(lines('threads')[0]) || 0,
    memTotalKiB: meminfoKib(memory, 'MemTotal'),
    memAvailableKiB: meminfoKib(memory, 'MemAvailable'),
    interfaces: lines('interfaces'),
    bridges: lines('bridges'),
    busyPorts: listening(tcpSockets(lines('sockets').join('\n'))),
    hasKvm: lines('devices').includes('/dev/kvm'),
    hasVhostVsock: lines('devices').includes('/dev/vhost-vsock'),
    existingPaths: lines('paths'),
    domains: lines('domains')
      .filter(line => /^[0-9a-f-]{36}$/.test(line.trim()))
      .map(line => line.trim()),
  };
}
