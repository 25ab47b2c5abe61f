import { expect, test } from 'vitest';
import { Virsh } from '../../../../src/agent/vm/virsh.ts';
import { VirshGuest } from '../../../../src/agent/vm/virsh-guest.ts';
import type { Exec, Execution } from '../../../../src/io/exec.ts';

const WELL: Execution = {
  command: 'virsh',
  exitCode: 0,
  signal: undefined,
  stdout: '',
  stderr: '',
  timedOut: false,
  failure: undefined,
};

/** With what virsh says; the words that it was given. */
function guest(run: Partial<Execution>): { guest: VirshGuest; words: string[] } {
  const words: string[] = [];
  const exec: Exec = async (program, args) => {
    words.push(program, ...args);
    return { ...WELL, ...run };
  };
  return { guest: new VirshGuest({ name: 'web', domain: 'U', virsh: new Virsh(exec) }), words };
}

const refused = (stderr: string): Partial<Execution> => ({ exitCode: 1, stderr: `error: ${stderr}\n` });

test('a command goes through libvirt, and its answer comes back', async () => {
  const { guest: agent, words } = guest({ stdout: '{"return":{"count":7}}\n\n' });
  const command = { execute: 'guest-file-write', arguments: { handle: 1, 'buf-b64': 'YQ==' }, timeout: 2500 };
  expect(await agent.execute(command)).toEqual({ count: 7 });
  expect(words.slice(words.indexOf('qemu-agent-command'))).toEqual([
    ...['qemu-agent-command', '--domain', 'U', '--timeout', '3'],
    ...['--cmd', '{"execute":"guest-file-write","arguments":{"handle":1,"buf-b64":"YQ=="}}'],
  ]);
});

test.each([
  [
    'Guest agent is not responding: QEMU guest agent is not connected',
    'TIMEOUT',
    'its guest agent does not answer',
  ],
  ['Timed out during operation: guest agent command timed out', 'TIMEOUT', 'its guest agent does not answer'],
  [
    "internal error: unable to execute QEMU agent command 'guest-exec': disabled",
    'WORKLOAD_FAILED',
    'its guest agent refused guest-exec',
  ],
])('what libvirt says: %s', async (stderr, code, message) => {
  const { guest: agent } = guest(refused(stderr));
  await expect(agent.execute({ execute: 'guest-exec' })).rejects.toMatchObject({
    code,
    message: expect.stringContaining(`web: ${message}`),
  });
});

test('a guest that shuts down need not say that it does, when its agent answered a moment before', async () => {
  const asked: string[] = [];
  const exec: Exec = async (_program, args) => {
    asked.push(args.at(-1) ?? '');
    const ends = refused('Guest agent is not responding: Guest agent not available for now');
    return { ...WELL, ...(asked.length === 1 ? { stdout: '{"return":{}}' } : ends) };
  };
  const agent = new VirshGuest({ name: 'web', domain: 'U', virsh: new Virsh(exec) });
  expect(await agent.execute({ execute: 'guest-shutdown', isSilent: true })).toBeUndefined();
  expect(asked).toEqual(['{"execute":"guest-ping"}', '{"execute":"guest-shutdown"}']);
});

test('an agent that does not answer is no guest that shuts down', async () => {
  const { guest: agent, words } = guest(
    refused('Guest agent is not responding: Guest agent not available for now'),
  );
  await expect(
    agent.execute({ execute: 'guest-shutdown', isSilent: true, patience: 500 }),
  ).rejects.toMatchObject({ code: 'TIMEOUT' });
  expect(words.at(-1)).toBe('{"execute":"guest-ping"}');
});

test('one command after the other, and none that is too long', async () => {
  let running = 0;
  let most = 0;
  const exec: Exec = async () => {
    most = Math.max(most, ++running);
    await new Promise(resolve => setImmediate(resolve));
    running--;
    return { ...WELL, stdout: '{"return":{}}' };
  };
  const agent = new VirshGuest({ name: 'web', domain: 'U', virsh: new Virsh(exec) });
  await Promise.all(['a', 'b', 'c'].map(execute => agent.execute({ execute })));
  expect(most).toBe(1);
  const long = agent.execute({ execute: 'guest-exec', arguments: { 'input-data': 'x'.repeat(130_000) } });
  await expect(long).rejects.toMatchObject({
    message: 'web: guest-exec is longer than virsh can pass on: at most 120000 bytes',
  });
});

test('an answer that is none is nothing, and what was called off is not sent', async () => {
  expect(await guest({ stdout: 'noise' }).guest.execute({ execute: 'guest-ping' })).toBeUndefined();
  const { guest: agent, words } = guest({});
  const gone = agent.execute({ execute: 'guest-exec', signal: AbortSignal.abort() });
  await expect(gone).rejects.toMatchObject({ message: 'web: guest-exec was called off' });
  expect(words).toEqual([]);
});
