import { afterEach, describe, expect, test } from 'vitest';
import { hostPath, PATHS } from '../../../../src/api/paths.ts';
import type { HostChange, HostView } from '../../../../src/api/placement.ts';
import { PxenError } from '../../../../src/base/error.ts';
import { ControlClient } from '../../../../src/io/control.ts';
import { API_TOKEN, backstage, type Running, running } from './running.ts';

const started: Running[] = [];
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop();
});

async function start(back: Partial<typeof backstage> = {}): Promise<Running> {
  const here = await running({ back: { ...backstage, ...back } });
  started.push(here);
  return here;
}

const HOST: HostView = {
  name: 'kvm 1/2',
  id: '91d5815f' as HostView['id'],
  state: 'enabled',
  described: true,
  liveness: 'connected',
  profile: 'plain',
  usage: { vms: 0, vcpus: 0, memory: 0, devices: {} },
  devices: {},
  cost: 'Infinity',
  workloads: [],
};

describe.each(['control socket', 'network'] as const)('over the %s', place => {
  const client = (here: Running): ControlClient =>
    new ControlClient(
      place === 'network' ? { url: new URL(here.url), token: API_TOKEN } : here.options.controlSocket,
    );

  test('hosts are told, changed and removed, whatever they are called', async () => {
    const changes: [string, HostChange][] = [];
    const here = await start({
      hosts: async () => [HOST],
      changeHost: async (name, change) => {
        changes.push([name, change]);
        return HOST;
      },
    });
    expect(await client(here).get(PATHS.hosts)).toEqual({ status: 200, body: { hosts: [HOST] } });
    const change = { expect: 'known', realm: null, translation: { address: '10.0.0.1', basePort: 7 } };
    expect(await client(here).put(hostPath(HOST.name), change)).toEqual({ status: 200, body: HOST });
    expect(changes).toEqual([[HOST.name, change]]);
    expect(await client(here).delete(hostPath(HOST.name))).toEqual({
      status: 200,
      body: { removed: HOST.name },
    });
  });

  test('what a change is refused for comes back', async () => {
    const here = await start({
      changeHost: async () => {
        throw new PxenError('CONFLICT', 'there is a host kvm1 already', { details: ['see: mesh host list'] });
      },
    });
    expect(await client(here).put(hostPath('kvm1'), { expect: 'new' })).toEqual({
      status: 409,
      body: {
        error: {
          code: 'CONFLICT',
          message: 'there is a host kvm1 already',
          details: ['see: mesh host list'],
        },
      },
    });
  });

  test('realms, placements and plans are answered', async () => {
    const here = await start();
    expect(await client(here).get(PATHS.realms)).toEqual({
      status: 200,
      body: { realms: [], profiles: [], problems: [], warnings: [] },
    });
    expect(await client(here).post(PATHS.placements, { subject: { workload: 'web' } })).toMatchObject({
      status: 200,
      body: { workload: 'web', host: null },
    });
    const subjects = Array.from({ length: 300 }, (_, at) => ({
      file: `w${at}.conf`,
      text: `name=w${at}\n`.repeat(1000).slice(0, 30_000),
    }));
    expect(await client(here).post(PATHS.plans, { subjects })).toMatchObject({ status: 200 });
  });

  test.each([
    ['PUT', hostPath('kvm1'), { state: 'of the art' }, ['expect', 'state']],
    ['POST', PATHS.placements, { subject: {}, node: 'alpha' }, ['subject', 'node']],
    ['POST', PATHS.plans, { subjects: [] }, ['subjects']],
  ])('a body of %s %s in the wrong form is refused', async (method, path, body, keys) => {
    const here = await start();
    const answer = await (method === 'PUT' ? client(here).put(path, body) : client(here).post(path, body));
    const { error } = answer.body as { error: { code: string; details: string[] } };
    expect([answer.status, error.code, error.details.map(line => line.replace(/:.*/, ''))]).toEqual([
      400,
      'BAD_REQUEST',
      keys,
    ]);
  });
});

test('nothing of it is for strangers', async () => {
  const here = await start();
  const stranger = new ControlClient({ url: new URL(here.url), token: 'guessed' });
  const answers = await Promise.all([
    stranger.get(PATHS.hosts),
    stranger.put(hostPath('kvm1'), { expect: 'known' }),
    stranger.delete(hostPath('kvm1')),
    stranger.get(PATHS.realms),
    stranger.post(PATHS.placements, {}),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
});
