import { afterEach, describe, expect, test } from 'vitest';
import { asPxenError } from '../../../../src/base/error.ts';
import { nodePcap } from '../../../../src/cli/commands/pcap.ts';
import { systemStatus } from '../../../../src/cli/commands/status.ts';
import { nodeTrace } from '../../../../src/cli/commands/trace.ts';
import { BEGAN, bootOf, later } from '../../../fakes/boots.ts';
import { type FakePxend, fakePxend } from '../pxend.ts';
import { screen } from '../screen.ts';

const CARD = '52:54:00:12:34:56';
const NODE = { id: '91d5815f', name: 'tulip', state: 'up', macs: [CARD], firstSeenAt: 0, lastSeenAt: BEGAN };
const DIAGNOSIS = {
  symptom: 'no-nbp',
  sentence: 'It does not go on.',
  causes: ['the first', 'the second'],
  tries: ['this', 'that'],
};
const STALLED = { ...bootOf('discover/fw', 'offer/fw', 'ack/fw'), diagnosis: DIAGNOSIS };
const GOOD = later(bootOf('discover/fw', 'ack/fw', 'nbp', 'agent'), 60_000);
const DETAIL = { ...NODE, agreement: {}, boots: [STALLED, GOOD] };

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

async function trace(
  name: string,
  boot: number,
  more: { json?: boolean; follow?: boolean; detail?: object } = {},
) {
  const { json = false, follow = false, detail = DETAIL } = more;
  pxend = await fakePxend({ nodes: [NODE], detail });
  const seen = screen({ root: pxend.root, json });
  const status = await nodeTrace(seen.context, name, { follow, boot }).catch(
    (error: unknown) => asPxenError(error).message,
  );
  return { status, out: seen.out, err: seen.err };
}

describe('mesh node trace', () => {
  test.each(['91d5815f', 'tulip', CARD, CARD.toUpperCase()])('knows the machine as %s', async name => {
    const { status, out } = await trace(name, 1);
    expect([status, out.split('\n')[0], out.trimEnd().split('\n').at(-2)]).toEqual([
      0,
      '91d5815f (tulip): last boot, 2023-11-14T22:14:20.000Z',
      '3.0 s from power-on (first DISCOVER) to the agent.',
    ]);
  });

  test('an earlier boot comes with the reason why it stopped, and what else it may be', async () => {
    const { out } = await trace('tulip', 2);
    expect(out.trimEnd().split('\n').slice(-5)).toEqual([
      '',
      'The agent has not reported in this boot.',
      'It does not go on.',
      '  or: the second',
      '  try also: that',
    ]);
  });

  test('a boot that is not known', async () => {
    expect((await trace('tulip', 3)).status).toBe('91d5815f has no boot 3: 2 are known, 1 being the last');
  });

  test('--json has the rows and the diagnosis', async () => {
    const { trace: rows, diagnosis, node } = JSON.parse((await trace('tulip', 2, { json: true })).out);
    expect({ node, steps: rows.rows.map((row: { step: string }) => row.step), diagnosis }).toEqual({
      node: '91d5815f',
      steps: ['firmware DHCP'],
      diagnosis: DIAGNOSIS,
    });
  });

  test('--follow prints the steps as lines of JSON', async () => {
    const running = { ...DETAIL, boots: [STALLED] };
    const following = trace('tulip', 1, { follow: true, json: true, detail: running });
    await new Promise(resolve => setTimeout(resolve, 400));
    Object.assign(running, { boots: [{ ...GOOD, startedAt: STALLED.startedAt }] });
    const { status, out } = await following;
    const lines = out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect([status, lines.map(line => line.diagnosis?.symptom ?? line.step)]).toEqual([
      0,
      ['firmware DHCP', 'no-nbp', 'firmware', 'NBP', 'machine', 'agent'],
    ]);
  });
});

describe('mesh node pcap', () => {
  test('says why there is none', async () => {
    pxend = await fakePxend({ nodes: [NODE] });
    const seen = screen({ root: pxend.root });
    await expect(nodePcap(seen.context, 'tulip', '/nowhere/x')).rejects.toThrow('no such path');
  });
});

describe('mesh system status', () => {
  const status = {
    version: '0.1.0',
    startedAt: 1_700_000_100_000 - 7_200_000,
    parts: { http: null, dhcp: 'no free address' },
    network: { interface: 'eth1', address: '10.77.0.1', prefix: 24 },
    ports: [{ what: 'TFTP', protocol: 'udp', port: 69 }],
    dhcp: { mode: 'server', leases: { pool: 100, used: 3, free: 97 } },
    nodes: { up: 2, stalled: 1 },
    workloads: { running: 3, lost: 1 },
    hosts: { enabled: 2, disabled: 1 },
    places: { reserved: 0, running: 3, unknown: 1 },
    overlays: { folders: 4 },
    capture: { machines: 3, bytes: 2_000_000 },
    problems: [{ at: 1_700_000_040_000, node: '91d5815f', text: 'kernel \u001b[31mmissing' }],
  };

  test('is one screen; a part that complains makes the exit status 1', async () => {
    pxend = await fakePxend({ detail: status });
    const seen = screen({ root: pxend.root });
    expect(await systemStatus(seen.context)).toBe(1);
    expect(`\n${seen.out}`).toMatchInlineSnapshot(`
      "
      pxend      0.1.0, up 2 h
      network    10.77.0.1/24 on eth1
      ports      TFTP udp/69
      dhcp       server, 3 of 100 addresses in use, 97 free
      nodes      2 up, 1 stalled
      workloads  3 running, 1 lost
      hosts      2 enabled, 1 disabled; places on them: 3 running, 1 unknown
      overlays   4 machine folders served
      recorder   3 machines, 1.9 MiB in memory

      dhcp: no free address

      last problems of nodes:
         1 min ago  91d5815f: kernel ?[31mmissing
      "
    `);
  });
});
