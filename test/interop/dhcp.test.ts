import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/**
 *   namespace <name>-server            namespace <name>-client
 *   DhcpService 10.77.0.1/24 --- veth --- udhcpc, dhclient (no address)
 */
const NAME = `pxdhcp${process.pid}`;
const SERVER = `${NAME}-server`;
const CLIENT = `${NAME}-client`;
const NODE = join(import.meta.dirname, '../../node_modules/.bin/node');

const MAC = { udhcpc: '52:54:00:00:00:01', dhclient: '52:54:00:00:00:02' };
let folder: string;
let server: Started;
const started: Started[] = [];

interface Started {
  readonly process: ChildProcess;
  /** Everything it printed so far. */
  output(): string;
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

function startIn(namespace: string, command: string, ...args: string[]): Started {
  const process = spawn('ip', ['netns', 'exec', namespace, command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed: string[] = [];
  for (const stream of [process.stdout, process.stderr])
    stream?.on('data', data => printed.push(String(data)));
  const one = { process, output: () => printed.join('') };
  started.push(one);
  return one;
}

async function startServer(): Promise<Started> {
  const helper = join(import.meta.dirname, 'dhcp-server.ts');
  const one = startIn(
    SERVER,
    NODE,
    helper,
    '10.77.0.1/24',
    '10.77.0.100-10.77.0.120',
    join(folder, 'leases.db'),
  );
  await until(
    () => one.output().includes('listening'),
    () => `the server did not start: ${one.output()}`,
  );
  return one;
}

/** `ip netns exec` replaces itself by the program, so the process id is the program's. */
async function kill(one: Started, signal: NodeJS.Signals): Promise<void> {
  if (one.process.exitCode !== null || one.process.signalCode !== null) return;
  const gone = new Promise(resolve => one.process.once('exit', resolve));
  one.process.kill(signal);
  await gone;
}

async function until(condition: () => boolean, problem: () => string, seconds = 20): Promise<void> {
  for (const end = Date.now() + seconds * 1000; !condition(); ) {
    if (Date.now() > end) throw new Error(problem());
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

/** A script that sets the address and writes down how it was called, one `name=value` line a variable. */
function clientScript(name: string, address: string, prefix: string, variables: string): string {
  const path = join(folder, `${name}.sh`);
  writeFileSync(
    path,
    `#!/bin/sh
[ -n "${address}" ] || exit 0
ip address flush dev eth0
ip address add "${address}${prefix}" dev eth0
( ${variables} ) >${folder}/${name}.new
mv ${folder}/${name}.new ${folder}/${name}.env
`,
  );
  chmodSync(path, 0o755);
  return path;
}

/** What the client's script wrote down last. */
function told(name: string): Record<string, string> {
  const path = join(folder, `${name}.env`);
  if (!existsSync(path)) return {};
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return Object.fromEntries(lines.map(line => line.split(/=(.*)/s).slice(0, 2)));
}

function newCard(mac: string): void {
  ip('-n', CLIENT, 'link', 'set', 'eth0', 'down');
  ip('-n', CLIENT, 'address', 'flush', 'dev', 'eth0');
  ip('-n', CLIENT, 'link', 'set', 'eth0', 'address', mac, 'up');
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pxen-dhcp-'));
  ip('netns', 'add', SERVER);
  ip('netns', 'add', CLIENT);
  ip('-n', SERVER, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', CLIENT);
  ip('-n', SERVER, 'address', 'add', '10.77.0.1/24', 'dev', 'eth0');
  ip('-n', SERVER, 'link', 'set', 'eth0', 'up');
  ip('-n', SERVER, 'link', 'set', 'lo', 'up');
  server = await startServer();
});

afterAll(async () => {
  for (const one of started) await kill(one, 'SIGKILL');
  for (const namespace of [SERVER, CLIENT]) ip('netns', 'delete', namespace);
  rmSync(folder, { recursive: true });
});

describe('foreign clients on a real network', () => {
  test('busybox udhcpc gets an address, and the same one when it renews after the server was killed', async () => {
    newCard(MAC.udhcpc);
    const script = clientScript(
      'udhcpc',
      '$ip',
      '/$mask',
      'echo event=$1; echo ip=$ip; echo mask=$mask; echo router=$router; echo dns=$dns; echo domain=$domain; echo hostname=$hostname; echo lease=$lease; echo serverid=$serverid',
    );
    const client = startIn(CLIENT, 'busybox', 'udhcpc', '-f', '-i', 'eth0', '-s', script, '-O', 'hostname');
    await until(
      () => told('udhcpc')['event'] === 'bound',
      () => `no lease: ${client.output()}${server.output()}`,
    );
    const lease = {
      ip: '10.77.0.100',
      mask: '24',
      router: '10.77.0.1',
      dns: '10.77.0.1',
      domain: 'lab.example',
      hostname: 'node-525400000001',
      lease: '600',
      serverid: '10.77.0.1',
    };
    expect(told('udhcpc')).toEqual({ event: 'bound', ...lease });

    await kill(server, 'SIGKILL');
    server = await startServer();
    client.process.kill('SIGUSR1');
    await until(
      () => told('udhcpc')['event'] === 'renew',
      () => `no renewal: ${client.output()}${server.output()}`,
    );
    expect(told('udhcpc')).toEqual({ event: 'renew', ...lease });
    expect(server.output()).toContain('REQUEST: gave 10.77.0.100');
    await kill(client, 'SIGTERM');
  });

  test('a card that comes back after the server was killed gets its former address, not the next one', async () => {
    await kill(server, 'SIGKILL');
    server = await startServer();
    newCard(MAC.udhcpc);
    const script = clientScript('again', '$ip', '/$mask', 'echo ip=$ip');
    const client = startIn(CLIENT, 'busybox', 'udhcpc', '-f', '-q', '-i', 'eth0', '-s', script);
    await until(
      () => 'ip' in told('again'),
      () => `no lease: ${client.output()}${server.output()}`,
    );
    expect(told('again')).toEqual({ ip: '10.77.0.100' });
  });

  test('ISC dhclient gets an address, and keeps it in INIT-REBOOT', async () => {
    newCard(MAC.dhclient);
    const leases = join(folder, 'dhclient.leases');
    const script = clientScript(
      'dhclient',
      '$new_ip_address',
      '/24',
      'echo event=$reason; echo ip=$new_ip_address; echo mask=$new_subnet_mask; echo server=$new_dhcp_server_identifier; echo broadcast=$new_broadcast_address',
    );
    for (const event of ['BOUND', 'REBOOT']) {
      const client = startIn(
        CLIENT,
        'dhclient',
        '-4',
        '-d',
        '-1',
        '-sf',
        script,
        '-lf',
        leases,
        '-pf',
        join(folder, 'dhclient.pid'),
        'eth0',
      );
      await until(
        () => told('dhclient')['event'] === event,
        () => `no ${event}: ${client.output()}${server.output()}`,
      );
      expect(told('dhclient')).toEqual({
        event,
        ip: '10.77.0.101',
        mask: '255.255.255.0',
        server: '10.77.0.1',
        broadcast: '10.77.0.255',
      });
      await kill(client, 'SIGKILL');
      newCard(MAC.dhclient);
    }
  });
});
