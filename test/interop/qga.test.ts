import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { imageFolder } from '../../scripts/room/room.ts';
import { agentGuestPath } from '../../src/api/agent.ts';
import { type GuestAnswer, guestAnswerSchema } from '../../src/api/guest.ts';
import { guestAgent, whyNoGuestAgent } from '../fixtures/guests/agent.ts';
import { LINUX_APPEND, linuxInitramfs } from '../fixtures/guests/linux.ts';
import { hear, Node, whyNoNode } from './workload-node.ts';

/** Debian's kernel in QEMU, with Debian's qemu-ga in it: some 3 s from the start to the first answer. */
const kernel = join(imageFolder(), 'http/boot/vmlinuz');
const noKernel = existsSync(kernel) ? undefined : `no ${kernel} (scripts/prepare makes it)`;
const reason = whyNoNode() ?? whyNoGuestAgent() ?? noKernel;
if (reason) console.log(`the guest agent is not tested: ${reason}`);

let node: Node;
const LINUX = [
  'platform.memory.size=96M',
  'platform.kernel.image=/boot/vmlinuz',
  `platform.kernel.append=${LINUX_APPEND}`,
];
const WITH_AGENT = [...LINUX, 'platform.kernel.initrd=/boot/agent.gz', 'runtime.qga=1'];
const WITHOUT_AGENT = [...LINUX, 'platform.kernel.initrd=/boot/bare.gz', 'runtime.qga=1'];

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const textOf = (content: string | undefined): string => Buffer.from(content ?? '', 'base64').toString();

async function ask(uuid: string, request: object): Promise<{ answer: GuestAnswer } | { error: unknown }> {
  const { body, status } = await node.ask('POST', agentGuestPath(uuid), JSON.stringify(request));
  const value = JSON.parse(body);
  return status === 200 ? { answer: guestAnswerSchema.parse(value) } : { error: { status, ...value.error } };
}

async function answerTo(uuid: string, request: object): Promise<GuestAnswer> {
  const outcome = await ask(uuid, request);
  if ('answer' in outcome) return outcome.answer;
  throw new Error(JSON.stringify(outcome.error));
}

const shell = (script: string, more: object = {}): object => ({
  ask: 'exec',
  path: '/bin/sh',
  args: ['-c', script],
  ...more,
});

async function started(uuid: string, keys: readonly string[]): Promise<void> {
  const { error } = await node.start(uuid, keys);
  expect(error).toBeUndefined();
}

const agentOf = async (uuid: string): Promise<string | undefined> => (await node.status(uuid))?.guest?.agent;

/** What its guest writes to its console until it has said this. */
async function said(uuid: string, wanted: string): Promise<string> {
  const console = await node.console(uuid);
  if (!('pipe' in console)) throw new Error(console.message);
  return hear(console, wanted).finally(() => console.destroy());
}

async function stopped(uuid: string, timeoutSeconds: number): Promise<{ steps: string[]; took: number }> {
  const began = performance.now();
  const { error, lines } = await node.command({ verb: 'stop', uuid, timeoutSeconds });
  expect(error).toBeUndefined();
  const steps = lines.flatMap(line => ('step' in line ? [`${line.step}: ${line.text}`] : []));
  return { steps, took: performance.now() - began };
}

describe.skipIf(reason)('a node with guests of Debian', () => {
  beforeAll(async () => {
    node = new Node();
    node.make();
    node.write('boot/.keep', '');
    copyFileSync(kernel, join(node.root, 'boot/vmlinuz'));
    linuxInitramfs(imageFolder(), join(node.root, 'boot/agent.gz'), guestAgent);
    linuxInitramfs(imageFolder(), join(node.root, 'boot/bare.gz'));
    await node.startAgent();
  });

  afterAll(() => node.remove());

  describe('that have an agent', () => {
    beforeAll(async () => {
      await started('web', [...WITH_AGENT, 'network.0.type=nat']);
    });

    test('who it is and where shows as soon as it has come up', async () => {
      await node.until(
        'the guest has an address',
        async () => {
          const { addresses = [] } = (await node.status('web'))?.guest ?? {};
          return addresses.includes('10.0.2.15/24');
        },
        90,
      );
      expect(await agentOf('web')).toBe('answers');
      expect((await answerTo('web', { ask: 'ping' })).version).toMatch(/^\d+\.\d+/);
      const { hostName, interfaces, os, version } = await answerTo('web', { ask: 'info' });
      expect({ hostName, os, version }).toEqual({
        hostName: '(none)',
        os: expect.stringMatching(/^kernel \d/),
        version: expect.stringMatching(/^\d/),
      });
      const { mac } = (await node.status('web'))?.nics[0] ?? {};
      expect(interfaces).toEqual(
        expect.arrayContaining([{ name: 'eth0', mac, addresses: expect.arrayContaining(['10.0.2.15/24']) }]),
      );
    });

    test('a command runs in it: with input and environment, output, errors and its exit status', async () => {
      const script = 'cat; echo "$WHO and $#" >&2; exit 42';
      const request = shell(script, { input: base64('hello\n'), env: ['WHO=pxen', 'PATH=/bin'] });
      const { errors, exitCode, output, truncated } = await answerTo('web', request);
      expect({ exitCode, truncated, output: textOf(output), errors: textOf(errors) }).toEqual({
        exitCode: 42,
        truncated: false,
        output: 'hello\n',
        errors: 'pxen and 0\n',
      });
    });

    test('one that a signal ends, one that takes too long, and one that is not there', async () => {
      expect(await answerTo('web', shell('kill -9 $$'))).toMatchObject({ signal: 9 });
      expect(await answerTo('web', shell('sleep 100', { timeoutSeconds: 0.3 }))).toEqual({});
      expect(await ask('web', { ask: 'exec', path: '/no/such' })).toMatchObject({
        error: {
          status: 500,
          code: 'WORKLOAD_FAILED',
          message: expect.stringMatching(
            /^web: its guest agent refused guest-exec: .*No such file or directory/,
          ),
        },
      });
    });

    test('a file goes there and comes back, in pieces; part of it; what is put behind it', async () => {
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
      const content = bytes.toString('base64');
      expect(await answerTo('web', { ask: 'write', path: '/tmp/file', content })).toEqual({
        written: 100_000,
      });
      expect(await answerTo('web', { ask: 'read', path: '/tmp/file' })).toEqual({
        content,
        truncated: false,
      });
      await answerTo('web', { ask: 'write', path: '/tmp/file', content: base64('end'), append: true });
      const rest = await answerTo('web', { ask: 'read', path: '/tmp/file', offset: 99_999 });
      expect(rest.content).toBe(Buffer.concat([bytes.subarray(-1), Buffer.from('end')]).toString('base64'));
      expect(await ask('web', { ask: 'read', path: '/nope' })).toMatchObject({
        error: {
          code: 'WORKLOAD_FAILED',
          message: expect.stringContaining(
            "failed to open file '/nope' (mode: 'r'): No such file or directory",
          ),
        },
      });
    });

    test('more output than is kept is cut', async () => {
      const answer = await answerTo('web', shell('head -c 5000000 /dev/zero'));
      expect([answer.truncated, Buffer.from(answer.output ?? '', 'base64').length]).toEqual([
        true,
        4 * 1024 * 1024,
      ]);
      expect((await answerTo('web', { ask: 'ping' })).version).toBeDefined();
    });

    test('several ask at once', async () => {
      const answers = await Promise.all([1, 2, 3].map(n => answerTo('web', shell(`sleep 0.2; echo ${n}`))));
      expect(answers.map(({ output }) => textOf(output))).toEqual(['1\n', '2\n', '3\n']);
    });

    test('while it is paused nobody waits for it, and after that it answers', async () => {
      await node.command({ verb: 'pause', uuid: 'web' });
      expect(await ask('web', { ask: 'ping' })).toEqual({
        error: {
          status: 409,
          code: 'WORKLOAD_STATE',
          message: 'web: is paused, and so its guest agent is; resume it first',
          details: [],
        },
      });
      expect(await agentOf('web')).toBe('answers');
      await node.command({ verb: 'resume', uuid: 'web' });
      expect((await answerTo('web', { ask: 'ping' })).version).toBeDefined();
    });

    test('an agent of the node that is killed finds it again', async () => {
      await node.endAgent('SIGKILL');
      await node.startAgent();
      expect((await answerTo('web', { ask: 'ping' })).version).toBeDefined();
      await node.until('its status is known again', async () => (await agentOf('web')) === 'answers', 60);
    });

    test('a guest that reboots answers again', async () => {
      await answerTo('web', { ask: 'write', path: '/tmp/before', content: '' });
      await answerTo('web', shell('(sleep 0.2; reboot -f) </dev/null >/dev/null 2>&1 &'));
      // A guest that boots in less time than its agent has for an answer is never seen silent.
      const isAnother = async (): Promise<boolean> => {
        const outcome = await ask('web', { ask: 'read', path: '/tmp/before' });
        return JSON.stringify(outcome).includes("failed to open file '/tmp/before'");
      };
      await node.until('it is another system, which answers', isAnother, 90);
      await node.until('that shows', async () => (await agentOf('web')) === 'answers', 60);
    });

    test('a stop is asked of the agent, which the guest itself says', async () => {
      const serial = said('web', 'guest: its agent was asked to shut it down');
      const { steps, took } = await stopped('web', 20);
      expect(steps[0]).toBe('shutdown: the guest shut down');
      expect(took).toBeLessThan(15_000);
      expect(await serial).not.toContain('power button was pressed');
    });
  });

  describe('that have none', () => {
    test('are told to be silent in time, and are stopped by their power button', async () => {
      await started('db', WITHOUT_AGENT);
      const serial = said('db', 'guest: the power button was pressed');
      const began = performance.now();
      expect(await ask('db', shell('echo'))).toEqual({
        error: {
          status: 504,
          code: 'TIMEOUT',
          message: 'db: its guest agent does not answer within 5 s',
          details: [
            'qemu-ga must be installed and run in the guest; a guest that still boots has none yet',
            'it takes one client at a time: no other program may be on the channel',
          ],
        },
      });
      expect(performance.now() - began).toBeLessThan(7000);
      expect((await node.status('db'))?.guest).toEqual({ agent: 'silent', addresses: [] });
      expect((await stopped('db', 20)).steps[0]).toBe('shutdown: the guest shut down');
      await serial;
    });

    test('nor a channel for one', async () => {
      await started('mail', [...WITHOUT_AGENT.slice(0, -1), 'runtime.power-state=paused']);
      expect(await ask('mail', { ask: 'ping' })).toEqual({
        error: {
          status: 409,
          code: 'WORKLOAD_STATE',
          message: 'mail: has no channel to a guest agent',
          details: ['put runtime.qga=1 into its file, and restart it'],
        },
      });
      expect((await node.status('mail'))?.guest).toBeUndefined();
      await stopped('mail', 0);
    });
  });
});
