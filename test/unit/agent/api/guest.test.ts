import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AgentApi } from '../../../../src/agent/api/server.ts';
import { treeUnder } from '../../../../src/agent/tree.ts';
import { Workloads } from '../../../../src/agent/workload/workloads.ts';
import { AGENT_SOCKET, agentGuestPath, agentRunSchema } from '../../../../src/api/agent.ts';
import { MAX_GUEST_REQUEST_BYTES, MOST_GUEST_BYTES } from '../../../../src/api/guest.ts';
import { systemClock } from '../../../../src/io/clock.ts';
import { FakeGuest } from '../../../fakes/guest.ts';
import { FakeNode } from '../../../fakes/qemu.ts';

let node: FakeNode;
let workloads: Workloads;
let api: AgentApi;
let guest: FakeGuest | undefined;

beforeEach(async () => {
  node = new FakeNode();
  node.onLaunch = qemu => {
    guest = new FakeGuest(join(qemu.folder, 'qga.sock'));
  };
  workloads = new Workloads({ ...node.ports(), clock: systemClock });
  const { root } = node;
  api = new AgentApi({ root, tree: treeUnder(root), workloads, clock: systemClock, say: () => {} });
  await api.start();
});

afterEach(async () => {
  await workloads.stop();
  await api.stop();
  await guest?.close();
  guest = undefined;
  node.remove();
});

function ask(body: string, uuid = 'w1'): Promise<{ status: number | undefined; body: unknown }> {
  const options = { socketPath: join(node.root, AGENT_SOCKET), method: 'POST', path: agentGuestPath(uuid) };
  return new Promise((resolve, reject) => {
    const sent = request(options, async response => {
      let text = '';
      for await (const piece of response.setEncoding('utf8')) text += piece;
      resolve({ status: response.statusCode, body: JSON.parse(text) });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function started(...keys: string[]): Promise<void> {
  const text = [
    ...['name=web', 'uuid=w1', 'platform.memory.size=1M', 'platform.cpu.threads=1'],
    ...['platform.cpu.mode=max', 'runtime.console.type=serial-socket', ...keys],
  ].join('\n');
  const run = agentRunSchema.parse({ verb: 'start', uuid: 'w1', config: { file: 'web.conf', text } });
  await workloads.run(run, () => {});
}

const refused = (status: number, code: string, message: string, ...details: string[]): object => ({
  status,
  body: { error: { code, message, details } },
});

test('what the agent in the guest answers comes back, and what is asked has four MiB', async () => {
  await started('runtime.qga=1');
  if (guest)
    guest.reply = ({ arguments: args, execute }) => {
      if (execute === 'guest-file-open') return { return: 1000 };
      const content = Buffer.from(String(args?.['buf-b64'] ?? ''), 'base64');
      return { return: { count: content.length } };
    };
  const content = Buffer.alloc(MOST_GUEST_BYTES).toString('base64');
  expect(await ask(JSON.stringify({ ask: 'write', path: '/x', content }))).toEqual({
    status: 200,
    body: { written: MOST_GUEST_BYTES },
  });
});

describe('is refused', () => {
  const PING = JSON.stringify({ ask: 'ping' });

  test('where there is no such workload', async () => {
    expect(await ask(PING, '..')).toMatchObject({ status: 404 });
    expect(await ask(PING)).toEqual(refused(404, 'NOT_FOUND', 'no workload "w1" runs on this node'));
  });

  test('where there is no channel', async () => {
    await started();
    expect(await ask(PING)).toEqual(
      refused(
        409,
        'WORKLOAD_STATE',
        'web: has no channel to a guest agent',
        'put runtime.qga=1 into its file, and restart it',
      ),
    );
  });

  test('where it is paused, and where it has ended', async () => {
    await started('runtime.qga=1');
    await workloads.run(agentRunSchema.parse({ verb: 'pause', uuid: 'w1' }), () => {});
    expect(await ask(PING)).toEqual(
      refused(409, 'WORKLOAD_STATE', 'web: is paused, and so its guest agent is; resume it first'),
    );
    node.qemu.shutDown('guest-shutdown');
    for (let i = 0; i < 200 && workloads.statuses()[0]?.state !== 'ended'; i++)
      await new Promise(resolve => setTimeout(resolve, 5));
    expect(await ask(PING)).toEqual(
      refused(409, 'WORKLOAD_STATE', 'web: does not run any more: the guest shut down'),
    );
  });

  test.each([
    ['no JSON', '{', /^the request is no JSON: /],
    [
      'an unknown question',
      '{"ask": "x"}',
      /^the request for a guest agent does not have the expected form$/,
    ],
    ['too much', ' '.repeat(MAX_GUEST_REQUEST_BYTES + 1), /^the request has more than 8388608 bytes$/],
  ])('%s', async (_, body, message) => {
    await started('runtime.qga=1');
    expect(await ask(body)).toEqual({
      status: 400,
      body: {
        error: { code: 'BAD_REQUEST', message: expect.stringMatching(message), details: expect.anything() },
      },
    });
  });
});
