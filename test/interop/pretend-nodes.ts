import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Room } from '../../scripts/room/room.ts';
import type { FullReport } from '../../src/api/report.ts';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import type { Mac } from '../../src/base/mac.ts';
import { placesUnder } from '../../src/domain/config/places.ts';
import type { MachineId } from '../../src/domain/machine/genid.ts';
import { Database } from '../../src/io/sqlite/database.ts';
import { sqliteLeases } from '../../src/io/sqlite/leases.ts';
import { fullReport } from '../fakes/registry.ts';

/** A node as far as host0 can tell: it has a lease, a folder and a credential, and it reports. Nothing runs on it. */
export interface PretendNode {
  readonly name: string;
  readonly id: MachineId;
  readonly uuid: string;
  readonly mac: Mac;
  readonly address: Ipv4;
  readonly threads: number;
  /** GiB. */
  readonly memory: number;
}

/** The `index`th node of a room, with so many threads and GiB. */
export function pretendNode(name: string, index: number, threads: number, memory: number): PretendNode {
  const two = String(index).padStart(2, '0');
  const uuid = `11223344-5566-7788-99aa-bbccddeeff${two}`;
  const id = createHash('sha256').update(`pxen:1:${uuid}`).digest('hex').slice(0, 8) as MachineId;
  const [mac, address] = [`52:54:00:77:01:${two}` as Mac, `10.77.0.${110 + index}` as Ipv4];
  return { name, id, uuid, mac, address, threads, memory };
}

/** Folders, leases and addresses; pxend must not run yet. */
export function admit(room: Room, nodes: readonly PretendNode[]): void {
  const database = Database.open(placesUnder(room.root).database);
  const leases = sqliteLeases(database);
  for (const { name, id, uuid, mac, address } of nodes) {
    const words = ['-n', room.network.namespace, 'address', 'add', `${address}/32`, 'dev', 'br0'];
    execFileSync('ip', words);
    room.write(`host0/machines/${name}/UUID`, `${id}\n`);
    room.write(`host0/machines/${name}/manifest`, '');
    void leases.put({ mac, address, machineId: id, uuid, expiresAt: Date.now() + 3600_000 });
  }
  database.close();
}

/** What the agent of a node sends, with these workloads on it. Throws what host0 has against it. */
export function report(
  room: Room,
  node: PretendNode,
  workloads: NonNullable<FullReport['workloads']> = [],
): void {
  const credential = readFileSync(join(placesUnder(room.root).keys, node.id, 'token'), 'utf8').trim();
  const sample = fullReport(node);
  const { cpu } = sample.facts;
  const memoryKib = node.memory * 2 ** 20;
  const body: FullReport = {
    ...sample,
    facts: { ...sample.facts, cpu: { ...cpu, cores: node.threads, threads: node.threads }, memoryKib },
    load: { ...sample.load, availableKib: memoryKib - 256 * 1024 },
    workloads,
  };
  const argv = [
    ...room.network.enter(),
    ...['curl', '-sS', '--fail-with-body', '--interface', node.address],
    ...['-H', 'content-type: application/json', '-H', `authorization: Bearer ${credential}`],
    ...['-d', '@-', 'http://10.77.0.1/api/v1/report'],
  ];
  const { status, stdout, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), {
    input: JSON.stringify(body),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the report of ${node.name} was refused: ${stdout}${stderr}`);
}

/** What a node says of a workload that runs there, with 2 vCPUs and 4 GiB unless it takes something else. */
export function running(
  name: string,
  takes = { vcpus: 2, memory: 4 * 2 ** 30 },
): NonNullable<FullReport['workloads']>[number] {
  return {
    ...{ name, uuid: `${name}-uuid`, state: 'running', since: Date.now(), engine: 'qemu', accel: 'kvm' },
    ...{ console: { type: 'serial-socket' }, volumes: [], nics: [], takes },
  };
}
