import { existsSync } from 'node:fs';
import { access, open, readdir, readFile, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf } from '../base/error.ts';
import { exec } from './exec.ts';

/** What `mesh system doctor` looks at on this computer. Nothing here changes anything; what cannot be told is undefined. */

/** Of a file in /proc or /sys; undefined where it is not there or has no number. */
export async function numberIn(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** A card that is down cannot tell its carrier. */
export async function interfaceState(name: string): Promise<{ up: boolean; carrier: boolean | undefined }> {
  const folder = join('/sys/class/net', name);
  const flags = Number.parseInt(await readFile(join(folder, 'flags'), 'utf8').catch(() => '0'), 16);
  const carrier = await numberIn(join(folder, 'carrier'));
  return { up: (flags & 1) === 1, carrier: carrier === undefined ? undefined : carrier === 1 };
}

/** CAP_NET_BIND_SERVICE, capabilities(7), is bit 10 of the effective set. */
export async function mayBindLowPorts(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return (BigInt(`0x${effective}`) & (1n << 10n)) !== 0n;
}

/** Bytes that an unprivileged program may still write below the folder, or below the nearest one above it that exists. */
export async function freeSpace(folder: string): Promise<number | undefined> {
  let place = folder;
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  const found = await statfs(place).catch(() => undefined);
  return found && found.bavail * found.bsize;
}

/** Undefined when the database is sound, else what SQLite says of it. Reads only; a running pxend is not disturbed. */
export function databaseProblem(path: string): string | undefined {
  try {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const rows = database.prepare('PRAGMA quick_check(1)').all();
      const said = String(Object.values(rows[0] ?? { none: 'no answer' })[0]);
      return said === 'ok' ? undefined : said;
    } finally {
      database.close();
    }
  } catch (error) {
    return messageOf(error);
  }
}

/** The first bytes and the size of a file; undefined where it is not there or cannot be read. */
export async function headOf(
  path: string,
  count: number,
): Promise<{ head: Uint8Array; size: number } | undefined> {
  try {
    const file = await open(path);
    try {
      const head = new Uint8Array(count);
      const { bytesRead } = await file.read(head, 0, count, 0);
      return { head: head.subarray(0, bytesRead), size: (await file.stat()).size };
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

/** By systemd or by chrony, whichever is there. */
export async function clockSynchronised(): Promise<boolean | undefined> {
  const timedate = await exec('timedatectl', ['show', '--property', 'NTPSynchronized', '--value'], LIMIT);
  if (timedate.exitCode === 0 && /^(yes|no)\s*$/.test(timedate.stdout))
    return timedate.stdout.startsWith('yes');
  const chrony = await exec('chronyc', ['-n', 'tracking'], LIMIT);
  if (chrony.exitCode === 0) return !/Leap status\s*: Not synchronised/.test(chrony.stdout);
  return undefined;
}

const LIMIT = { timeout: 3000 };

/** Routes that the kernel made from router advertisements (RTF_ADDRCONF of linux/ipv6_route.h), or a sender that runs on this computer. */
export async function routerAdvertisements(interfaceName: string): Promise<boolean> {
  const routes = await readFile('/proc/net/ipv6_route', 'utf8').catch(() => '');
  const learned = routes.split('\n').some(line => {
    const fields = line.trim().split(/\s+/);
    return fields.at(-1) === interfaceName && (Number.parseInt(fields.at(-2) ?? '0', 16) & 0x40000) !== 0;
  });
  return learned || (await runs('radvd'));
}

async function runs(program: string): Promise<boolean> {
  const processes = (await readdir('/proc').catch(() => [])).filter(name => /^\d+$/.test(name));
  const names = await Promise.all(processes.map(id => readFile(`/proc/${id}/comm`, 'utf8').catch(() => '')));
  return names.some(name => name.trim() === program);
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
