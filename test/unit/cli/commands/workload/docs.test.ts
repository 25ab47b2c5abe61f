import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { GuestAnswer, GuestRequest } from '../../../../../src/api/guest.ts';
import { commandLine } from '../../../../../src/cli/commandline.ts';
import { type FakePxend, fakePxend } from '../../pxend.ts';
import { screen } from '../../screen.ts';
import { NODES, NOW, ROSE, running, TULIP, told, view } from './views.ts';

const PAGE = 'docs/workloads.md';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

const MIB = 1024 * 1024;
const WEB = running(
  'web',
  {
    uuid: 'qweflmqwe23',
    since: NOW - 180_000,
    console: { type: 'vnc', port: 5905 },
    volumes: [{ id: 0, path: '/tmp/alpine.iso', ephemeral: true, bytes: 66 * MIB }],
    nics: [{ id: 0, mac: '52:54:00:1a:b9:49', bridge: 'br0', tap: 'px0c9f1d6a3b-0' }],
    usage: {
      cpuSeconds: 34.5,
      cpuPercent: 12,
      memoryBytes: 512 * MIB,
      diskReadBytes: 61.2 * MIB,
      diskWrittenBytes: 0,
      networkReceivedBytes: 2048,
      networkSentBytes: 1024,
    },
  },
  { uuid: 'qweflmqwe23' },
);
const MAIL = running(
  'mail',
  {},
  {
    state: 'lost',
    node: ROSE.id,
    nodeName: 'rose',
    reportedAt: NOW - 600_000,
    problem: 'rose (6e6da274) does not report: it is silent',
  },
);
const SERIAL = '[    0.000000] Linux version 6.1.0\r\ndb login:';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const GUEST: Readonly<Partial<Record<GuestRequest['ask'], GuestAnswer>>> = {
  info: {
    version: '7.2.22',
    hostName: 'web.example',
    os: 'Debian GNU/Linux 12 (bookworm)',
    interfaces: [
      { name: 'lo', addresses: ['127.0.0.1/8'] },
      { name: 'eth0', mac: '52:54:00:1a:b9:49', addresses: ['10.77.0.140/24'] },
    ],
  },
  exec: {
    exitCode: 1,
    output: base64('6.1.0-56-amd64\n'),
    errors: base64('cat: /missing: No such file or directory\n'),
  },
};

/** What a command prints, errors last, where those workloads are. */
async function printed(words: readonly string[]): Promise<string> {
  const [, , verb = ''] = words;
  const [name, status] = words.includes("'*b'") ? ['db', told('db')] : ['web', WEB.status];
  pxend = await fakePxend({
    nodes: NODES,
    workloads: [view('db'), MAIL, WEB],
    run: [{ workload: name, node: TULIP.id, done: verb === 'start' ? { status } : {} }],
    output: [SERIAL],
    guest: request => GUEST[request.ask] ?? {},
  });
  const seen = screen({ root: pxend.root, ...(verb === 'logs' && { columns: 80 }) });
  const mesh = commandLine(async (_command, action) => {
    await action(seen.context);
  });
  await mesh.parseAsync(
    words.slice(1).map(word => word.replaceAll("'", '')),
    { from: 'user' },
  );
  await pxend.stop();
  pxend = undefined;
  return seen.out + seen.err;
}

test('the commands that the page shows print what it says', async () => {
  const text = readFileSync(PAGE, 'utf8');
  const blocks = [...text.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map(block => block[1] ?? '');
  for (const block of blocks) {
    const commands = [...block.matchAll(/^\$ (mesh .*?)(?: \| cat)?$/gm)].map(match => match[1] ?? '');
    const outputs = block.split(/^\$ .*\n/m).slice(1);
    for (const [index, command] of commands.entries())
      expect(outputs[index]).toBe(await printed(command.split(' ')));
  }
  expect(blocks.length).toBe(6);
});

test('it names every command, and no other', () => {
  const text = readFileSync(PAGE, 'utf8');
  const workload = commandLine(async () => {}).commands.find(command => command.name() === 'workload');
  const table = text.slice(text.indexOf('## Commands'), text.indexOf('### Which workloads'));
  const rows = [...table.matchAll(/^\| `mesh workload ([a-z-]+)[^`]*`(?:, `([a-z-]+)`)?/gm)];
  const named = rows.flatMap(([, ...names]) => names.filter(name => name !== undefined));
  expect(named.sort()).toEqual(workload?.commands.map(command => command.name()).sort());
});
