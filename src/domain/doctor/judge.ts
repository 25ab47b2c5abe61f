import { formatBytes } from '../../base/bytes.ts';
import { several } from '../../base/diagnostic.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { FileKind } from './filekind.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Ports below 1024 and broadcasts. `bind`: the process may listen on them although it is not root. */
export function judgeRights(uid: number, bind: boolean): Finding {
  if (uid === 0) return ok('rights', 'running as root');
  if (bind) return ok('rights', 'not root, but with CAP_NET_BIND_SERVICE');
  return warn(
    'rights',
    'not root: the ports and the DHCP probe cannot be checked',
    'run as root, or give node CAP_NET_BIND_SERVICE',
  );
}

/** `carrier`: undefined where the interface is down and cannot tell. */
export function judgeInterface(
  name: string,
  address: string,
  { up, carrier }: { up: boolean; carrier: boolean | undefined },
): Finding {
  const what = `${name} with ${address}`;
  if (!up) return fail('interface', `${what} is down`, `ip link set ${name} up`);
  if (!carrier)
    return fail('interface', `${what} has no carrier`, 'plug in the cable, or switch the other end on');
  return ok('interface', `${what} is up and has a carrier`);
}

export interface ForeignServer {
  readonly server: Ipv4;
  readonly offered: Ipv4;
  readonly bootFile: string;
}

/** What answered a DISCOVER. Where pxend only adds boot files, there must be another server; else there must be none. */
export function judgeDhcpServers(
  found: readonly ForeignServer[],
  own: Ipv4,
  { running, mode }: { running: boolean; mode: string },
): Finding[] {
  const check = 'dhcp servers';
  const foreign = found.filter(({ server }) => server !== own);
  const names = foreign.map(({ server, offered }) => `${server} (offered ${offered})`).join(', ');
  const answers = found.some(({ server }) => server === own);
  const findings: Finding[] = [];
  if (running && mode === 'server' && !answers)
    findings.push(
      fail(
        check,
        'pxend runs and did not answer a DISCOVER',
        'a firewall on this computer may stop UDP 67; nft list ruleset shows it',
      ),
    );
  if (foreign.length > 0 && mode === 'server')
    findings.push(
      fail(
        check,
        `another DHCP server is on this network: ${names}`,
        'switch it off, separate the networks, or set dhcp.mode: proxy so that pxend only says what to boot',
      ),
    );
  if (foreign.length === 0 && mode === 'proxy')
    findings.push(
      fail(check, 'dhcp.mode is proxy, but no DHCP server answers', 'switch it on, or set dhcp.mode: server'),
    );
  if (findings.length > 0) return findings;
  const text = foreign.length > 0 ? `${names} gives the addresses` : 'no other DHCP server answers';
  return [ok(check, text)];
}

export interface BootFileState {
  /** With its folder. */
  readonly path: string;
  /** Undefined: it is not there, or may not be read. */
  readonly kind: FileKind | undefined;
  readonly size: number;
  readonly expected: FileKind;
}

/** A BIOS boot program has no mark of its own, but must fit below 640 KiB together with what the firmware keeps there. */
const MOST_BIOS_NBP = 512 * 1024;

export function judgeBootFiles(files: readonly BootFileState[]): Finding[] {
  const check = 'boot files';
  const findings = files.flatMap(file => bootFileFinding(check, file) ?? []);
  if (findings.length > 0) return findings;
  const size = files.reduce((sum, file) => sum + file.size, 0);
  return [ok(check, `${files.length} files, ${formatBytes(size)}, of the right kind`)];
}

function bootFileFinding(check: string, { path, kind, size, expected }: BootFileState): Finding | undefined {
  if (kind === undefined)
    return fail(
      check,
      `${path} is missing or cannot be read`,
      'run scripts/build-image, or correct its name',
    );
  const wrong = `${path} is ${kind === 'unknown' ? 'no' : `${kind}, not`} ${expected}`;
  if (expected === 'unknown' && (size > MOST_BIOS_NBP || kind !== 'unknown'))
    return fail(check, `${path} is no BIOS boot program (${formatBytes(size)})`, 'run scripts/build-image');
  if (kind !== expected) return fail(check, wrong, 'run scripts/build-image, or put the right file there');
  return undefined;
}

/** `synchronised`: undefined where nothing on this computer tells. `now`: milliseconds since the epoch; `builtAt`: of this program. */
export function judgeClock(now: number, builtAt: number, synchronised: boolean | undefined): Finding {
  const time = new Date(now).toISOString();
  if (now < builtAt)
    return fail(
      'clock',
      `${time} is before this program was installed`,
      'set the clock, and run chrony or systemd-timesyncd',
    );
  if (synchronised === false)
    return warn(
      'clock',
      `${time}, not synchronised`,
      'run chrony or systemd-timesyncd: logs, leases and TLS need the right time',
    );
  if (synchronised === undefined)
    return warn(
      'clock',
      `${time}; whether it is synchronised cannot be told`,
      'run chrony or systemd-timesyncd',
    );
  return ok('clock', `${time}, synchronised`);
}

const LITTLE_SPACE = 1024 ** 3;
const NO_SPACE = 64 * 1024 ** 2;

export function judgeDisk(path: string, free: number | undefined): Finding {
  if (free === undefined)
    return warn('disk', `${path} does not exist yet`, 'pxend makes it at its first start');
  const text = `${formatBytes(free)} free for ${path}`;
  if (free < NO_SPACE)
    return fail('disk', text, 'make room: without it no lease can be written, and none is given');
  return free < LITTLE_SPACE ? warn('disk', text, 'make room soon') : ok('disk', text);
}

/** One watch for each folder of /host0. */
const FEW_WATCHES = 8192;
const FEW_INSTANCES = 32;

export function judgeInotify(watches: number | undefined, instances: number | undefined): Finding {
  const check = 'file watching';
  if (watches === undefined || instances === undefined)
    return warn(
      check,
      'this kernel has no inotify',
      'run mesh system configure after every change of /host0',
    );
  const text = `${watches} inotify watches, ${instances} instances`;
  if (watches >= FEW_WATCHES && instances >= FEW_INSTANCES) return ok(check, text);
  return warn(check, text, 'sysctl fs.inotify.max_user_watches=65536 fs.inotify.max_user_instances=256');
}

/** What pxend asks for: a rack that powers on at once waits in the socket. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export function judgeReceiveBuffer(limit: number | undefined): Finding {
  const check = 'receive buffer';
  if (limit === undefined)
    return warn(check, 'net.core.rmem_max cannot be read', 'look at /proc/sys/net/core');
  const text = `net.core.rmem_max is ${formatBytes(limit)}`;
  if (limit >= RECEIVE_BUFFER) return ok(check, text);
  return warn(
    check,
    `${text}; with hundreds of machines at once requests get lost`,
    `sysctl net.core.rmem_max=${RECEIVE_BUFFER}`,
  );
}

/** `problem`: undefined when all is well; `exists`: before the first start there is none. */
export function judgeDatabase(path: string, exists: boolean, problem: string | undefined): Finding {
  const check = 'state';
  if (!exists) return ok(check, `${path} does not exist yet`);
  if (problem === undefined) return ok(check, `${path} is sound`);
  return fail(
    check,
    `${path}: ${problem}`,
    'stop pxend and move the file away: leases and boot history are lost, nodes come back by themselves',
  );
}

/** `problems`: lines of /host0 that are not in order. */
export function judgeHost0(folders: number, problems: readonly string[]): Finding {
  const check = '/host0';
  if (problems.length === 0) return ok(check, `${several(folders, 'machine folder')} in order`);
  const more = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`;
  return fail(check, `${problems[0]}${more}`, 'mesh system configure --check lists all');
}

/** iPXE looks for IPv6 routers before it goes on (boot-lab pitfall 1). */
export function judgeRouterAdvertisements(seen: boolean): Finding {
  const check = 'ipv6 routers';
  if (seen) return ok(check, 'router advertisements are on this network');
  return warn(
    check,
    'no router advertisement was seen: iPXE waits up to 16 s in "Configuring" at each boot',
    'run radvd on the interface of the machines with AdvDefaultLifetime 0; it costs nothing',
  );
}
