import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROJECT, Room } from '../../scripts/room/room.ts';
import type { NodeDetail } from '../../src/api/nodes.ts';
import type { Ipv4 } from '../../src/base/ipv4.ts';
import type { Mac } from '../../src/base/mac.ts';
import { placesUnder } from '../../src/domain/config/places.ts';
import type { MachineId } from '../../src/domain/machine/genid.ts';
import { Database } from '../../src/io/sqlite/database.ts';
import { sqliteLeases } from '../../src/io/sqlite/leases.ts';
import { fullReport, ALPHA as SAMPLE } from '../fakes/registry.ts';

/**
 * Who gets an overlay, asked with curl from addresses of a room without machines: they have leases in the database and
 * are addresses of host0's own bridge.
 */
const TULIP = { id: '91d5815f', uuid: SAMPLE.uuid, mac: '52:54:00:77:00:01', address: '10.77.0.101' };
const ROSE = {
  id: '6e6da274',
  uuid: '4c4c4544-0042-3510-8054-b7c04f4e3332',
  mac: '52:54:00:77:00:02',
  address: '10.77.0.102',
};
/** Has told DHCP the UUID of tulip, from a card of its own. */
const TWIN = { ...TULIP, mac: '52:54:00:77:00:04', address: '10.77.0.104' };
const STRANGER = '10.77.0.103';

const room = new Room();

function lend(): void {
  const database = Database.open(placesUnder(room.root).database);
  const leases = sqliteLeases(database);
  for (const { id, uuid, mac, address } of [TULIP, ROSE, TWIN])
    void leases.put({
      mac: mac as Mac,
      address: address as Ipv4,
      machineId: id as MachineId,
      uuid,
      expiresAt: Date.now() + 3600_000,
    });
  database.close();
}

beforeAll(async () => {
  room.open();
  for (const address of [TULIP.address, ROSE.address, TWIN.address, STRANGER])
    execFileSync('ip', ['-n', room.network.namespace, 'address', 'add', `${address}/32`, 'dev', 'br0']);
  for (const [name, { id }] of Object.entries({ tulip: TULIP, rose: ROSE })) {
    room.write(`host0/machines/${name}/UUID`, `${id}\n`);
    room.write(`host0/machines/${name}/manifest`, 'D MODE=root:root:0755 TGT=/srv/mine\n');
  }
  lend();
  await room.startPxend();
});
afterAll(() => room.close());

/** Status and body, asked from this address. */
function curl(from: string, path: string, ...words: string[]): [string, string] {
  const url = path.includes('://') ? path : `http://10.77.0.1${path}`;
  const argv = [
    ...room.network.enter(),
    'curl',
    '-sS',
    '--interface',
    from,
    '-w',
    '\n%{http_code}',
    ...words,
    url,
  ];
  const { stdout, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), {
    encoding: 'latin1',
    maxBuffer: 1 << 26,
  });
  const at = stdout.lastIndexOf('\n');
  return [stdout.slice(at + 1), stdout.slice(0, at) + stderr];
}

function messageOf([status, body]: [string, string]): [string, string] {
  return [status, (JSON.parse(body) as { error: { message: string } }).error.message];
}

const scriptUrl = ({ uuid, mac }: typeof TULIP): string =>
  `/boot.ipxe?uuid=${uuid}&mac=${mac.replaceAll(':', '-')}`;
const overlayUrl = (script: string): string => /apkovl=http:\/\/[^/]+(\S+)/.exec(script)?.[1] ?? 'none';
const pathOf = ({ id }: typeof TULIP): string => `/apkovl/${id}.apkovl.tar.gz`;
const tokenFor = (machine: typeof TULIP): string =>
  overlayUrl(curl(machine.address, scriptUrl(machine))[1]).split('?token=')[1] ?? 'none';
const refused = (id: string, why: string): [string, string] => [
  '403',
  `the overlay of ${id} is refused: ${why}`,
];

/** Tulip's agent reports, with the credential that its overlay brought. */
function report(): [string, string] {
  const credential = readFileSync(join(placesUnder(room.root).keys, TULIP.id, 'token'), 'utf8').trim();
  const identity = { uuid: TULIP.uuid, bootMac: TULIP.mac, macs: [TULIP.mac] };
  return curl(
    TULIP.address,
    '/api/v1/report',
    ...['-H', 'content-type: application/json', '-H', `authorization: Bearer ${credential}`],
    ...['-d', JSON.stringify({ ...fullReport(SAMPLE), identity })],
  );
}

async function problems(machine: typeof TULIP): Promise<string[]> {
  const { stdout } = await room.mesh('node', 'info', machine.id, '--json');
  const events = (JSON.parse(stdout) as NodeDetail).boots.flatMap(boot => boot.events);
  return events.filter(event => event.stage === 'problem').map(event => event.text);
}

describe('the boot script', () => {
  test('has a token for the machine itself, by HTTP', () => {
    const [status, script] = curl(TULIP.address, scriptUrl(TULIP));
    expect([status, overlayUrl(script)]).toEqual([
      '200',
      expect.stringMatching(/^\/apkovl\/91d5815f\.apkovl\.tar\.gz\?token=[\w-]{22}$/),
    ]);
  });

  test('has one by TFTP too: that tells the address as well', () => {
    const name = `boot.ipxe/${TULIP.uuid}/${TULIP.mac.replaceAll(':', '-')}`;
    const by = (address: string): string => overlayUrl(curl(address, `tftp://10.77.0.1/${name}`)[1]);
    expect(by(TULIP.address)).toMatch(/\?token=[\w-]{22}$/);
    expect(by(STRANGER)).toBe(pathOf(TULIP));
  });

  test.each([
    ['a machine with another lease', ROSE.address, 'machine 6e6da274'],
    ['an address without a lease', STRANGER, 'no known machine'],
  ])('has none for %s that names its UUID, and the machine shows it', async (_, from, holder) => {
    expect(overlayUrl(curl(from, scriptUrl(TULIP))[1])).toBe(pathOf(TULIP));
    expect(await problems(TULIP)).toContain(
      `its boot script went out without a token, so its own overlay is refused: ${from} is leased to ${holder}`,
    );
  });
});

describe('an overlay', () => {
  test('goes out with its token, whole or in parts', () => {
    const token = tokenFor(TULIP);
    const [status, overlay] = curl(TULIP.address, `${pathOf(TULIP)}?token=${token}`);
    const [, first] = curl(TULIP.address, `${pathOf(TULIP)}?token=${token}`, '-r', '0-99');
    const [, rest] = curl(TULIP.address, `${pathOf(TULIP)}?token=${token}`, '-r', '100-');
    expect([status, overlay.slice(0, 2), first + rest === overlay]).toEqual(['200', '\x1f\x8b', true]);
  });

  test.each<[string, () => [string, string], [string, string], typeof TULIP]>([
    [
      'without a token',
      () => curl(TULIP.address, pathOf(TULIP)),
      refused('91d5815f', 'the URL has no token; the boot script of the machine brings one'),
      TULIP,
    ],
    [
      'with the token of another machine',
      () => curl(TULIP.address, `${pathOf(TULIP)}?token=${tokenFor(ROSE)}`),
      refused('91d5815f', 'this boot token is for another machine'),
      TULIP,
    ],
    [
      'with its token, from another machine',
      () => curl(ROSE.address, `${pathOf(TULIP)}?token=${tokenFor(TULIP)}`),
      ['403', 'the overlay of 91d5815f goes only to that machine; 10.77.0.102 is leased to machine 6e6da274'],
      ROSE,
    ],
    [
      'with the token of an earlier boot',
      () => {
        const old = tokenFor(TULIP);
        tokenFor(TULIP);
        return curl(TULIP.address, `${pathOf(TULIP)}?token=${old}`);
      },
      refused('91d5815f', 'this boot token is none of host0, or one of an earlier boot; reboot the machine'),
      TULIP,
    ],
  ])(
    'stays here %s, and that is on the timeline of the machine that asked',
    async (_, ask, answer, asker) => {
      expect(messageOf(ask())).toEqual(answer);
      expect(await problems(asker)).toContain(answer[1]);
    },
  );

  test('goes to others meanwhile', () => {
    expect(curl(ROSE.address, `${pathOf(ROSE)}?token=${tokenFor(ROSE)}`)[0]).toBe('200');
  });

  test('goes to a machine whose host0 was killed in the middle of its boot', async () => {
    const token = tokenFor(TULIP);
    await room.pxend.stop('SIGKILL');
    await room.startPxend();
    expect(curl(TULIP.address, `${pathOf(TULIP)}?token=${token}`)[0]).toBe('200');
  });

  test('has had its day when the machine reports with the credential that it brought', () => {
    const token = tokenFor(TULIP);
    const url = `${pathOf(TULIP)}?token=${token}`;
    expect(curl(TULIP.address, url)[0]).toBe('200');
    expect(report()).toEqual(['200', '{"interval":10,"full":false}']);
    expect(messageOf(curl(TULIP.address, url))).toEqual(
      refused('91d5815f', 'this boot token was used already; reboot the machine'),
    );
  });
});

test('two machines with one id: the report of the one that runs ends it, and neither gets the overlay', async () => {
  const token = tokenFor(TWIN);
  expect(token).toMatch(/^[\w-]{22}$/);
  expect(report()[0]).toBe('200');
  const conflict =
    '2 machines go by id 91d5815f: ' +
    '52:54:00:77:00:01 (UUID 11223344-5566-7788-99aa-bbccddeeff00), 52:54:00:77:00:04 (UUID 11223344-5566-7788-99aa-bbccddeeff00)';
  for (const { address } of [TULIP, TWIN]) {
    const answer = messageOf(curl(address, `${pathOf(TULIP)}?token=${token}`));
    expect(answer).toEqual(['409', `no overlay for 91d5815f: ${conflict}`]);
    expect(curl(address, scriptUrl(TULIP))[1]).toContain(
      'machine 91d5815f does not boot: 2 machines go by id',
    );
  }
  expect(await problems(TULIP)).toContain(conflict);
  expect(curl(ROSE.address, `${pathOf(ROSE)}?token=${tokenFor(ROSE)}`)[0]).toBe('200');
});

describe('the API on the network', () => {
  test('wants the token that mesh system token prints on host0', async () => {
    const { stdout } = await room.mesh('system', 'token');
    const token = stdout.trim();
    expect(statSync(join(placesUnder(room.root).keys, 'api-token')).mode & 0o777).toBe(0o600);
    const ask = (...words: string[]): string => curl(STRANGER, '/api/v1/nodes', ...words)[0];
    expect([
      ask(),
      ask('-H', 'authorization: Bearer x'),
      ask('-H', `authorization: Bearer ${token}`),
    ]).toEqual(['401', '401', '200']);
    const rotated = (await room.mesh('system', 'token', '--rotate')).stdout.trim();
    const bearer = (each: string): string => ask('-H', `authorization: Bearer ${each}`);
    expect([bearer(token), bearer(rotated)]).toEqual(['401', '200']);
  });

  test('mesh works from another machine', async () => {
    room.write('elsewhere/token', (await room.mesh('system', 'token')).stdout);
    execFileSync('chmod', ['600', join(room.root, 'elsewhere/token')]);
    const argv = [
      ...room.network.enter(),
      ...[join(PROJECT, 'scripts/mesh'), '--root', '/nowhere', '--server', 'http://10.77.0.1'],
      ...['--token-file', join(room.root, 'elsewhere/token')],
    ];
    const mesh = (...words: string[]): [number | null, string] => {
      const { status, stdout, stderr } = spawnSync(argv[0] ?? '', [...argv.slice(1), ...words], {
        encoding: 'utf8',
      });
      return [status, stdout + stderr];
    };
    const [status, nodes] = mesh('node', 'info', '--json');
    expect([
      status,
      (JSON.parse(nodes) as { nodes: { name: string }[] }).nodes.map(node => node.name),
    ]).toEqual([0, ['rose', 'tulip']]);
    expect(mesh('system', 'configure')).toEqual([
      2,
      'mesh: this command works on files of host0, not through --server http://10.77.0.1\n  run it on host0, for example: ssh host0 mesh ...\n',
    ]);
  });
});

test('/metrics counts all of it, and says nothing of who it was', () => {
  const [status, text] = curl(STRANGER, '/metrics');
  expect(status).toBe('200');
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find(line => line.startsWith(`${series} `))
        ?.split(' ')[1],
    );
  expect(value('pxen_http_requests_total{artefact="overlay",status="2xx"}')).toBeGreaterThan(1);
  expect(value('pxen_http_requests_total{artefact="api",status="4xx"}')).toBeGreaterThan(2);
  expect(value('pxen_boot_tokens_total{outcome="delivered"}')).toBeGreaterThan(1);
  expect(value('pxen_dhcp_addresses{state="used"}')).toBe(3);
  expect(value('pxen_dhcp_addresses{state="free"}')).toBe(97);
  expect(value('pxen_nodes{state="up"}')).toBe(1);
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e6);
  expect(text).not.toMatch(/10\.77|91d5815f|52:54/);
});
