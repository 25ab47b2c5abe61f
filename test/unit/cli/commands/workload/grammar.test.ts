import type { Command } from 'commander';
import { afterEach, describe, expect, test } from 'vitest';
import type { WorkloadRun } from '../../../../../src/api/workloads.ts';
import { asPxenError } from '../../../../../src/base/error.ts';
import { commandLine } from '../../../../../src/cli/commandline.ts';
import { type FakePxend, fakePxend } from '../../pxend.ts';
import { screen } from '../../screen.ts';
import { NODES, ROSE, running, TULIP } from './views.ts';

let pxend: FakePxend | undefined;
afterEach(async () => {
  await pxend?.stop();
  pxend = undefined;
});

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

/** `mesh workload WORDS`; what is wrong with them comes back. */
async function mesh(...words: string[]): Promise<string> {
  pxend = await fakePxend({
    nodes: NODES,
    workloads: ['a', 'b', 'c', 'd'].map(name => running(name)),
    output: [],
  });
  const seen = screen({ root: pxend.root });
  let said = '';
  const tree = commandLine(async (_command, action) => {
    await action(seen.context);
  });
  for (const command of everyCommand(tree))
    command.exitOverride().configureOutput({
      writeErr: text => {
        said += text;
      },
      writeOut: text => {
        said += text;
      },
    });
  await tree.parseAsync(['workload', ...words], { from: 'user' }).catch((thrown: unknown) => {
    if (said === '') said = asPxenError(thrown).message;
  });
  return said.replace('(mesh --help lists the commands)\n', '').trimEnd();
}

describe('mesh workload', () => {
  test.each<[string, Partial<WorkloadRun>]>([
    ['start a', { verb: 'start', workloads: ['a'] }],
    ['start -w a', { verb: 'start', workloads: ['a'] }],
    ['start a b -w c -w d,a', { verb: 'start', workloads: ['a', 'b', 'c', 'd'] }],
    ['start -w uuid-a --node rose', { verb: 'start', workloads: ['a'], node: ROSE.id }],
    [
      'start --workload=a -n 6e6da274 --dry-run',
      { verb: 'start', workloads: ['a'], node: ROSE.id, dryRun: true },
    ],
    ['download -w a', { verb: 'download', workloads: ['a'] }],
    ['stop -w ALL -t 2.5', { verb: 'stop', workloads: ['a', 'b', 'c', 'd'], timeoutSeconds: 2.5 }],
    ['stop a --now', { verb: 'stop', workloads: ['a'], timeoutSeconds: 0 }],
    ['stop a -t 0', { verb: 'stop', workloads: ['a'], timeoutSeconds: 0 }],
    ['soft-stop a --timeout 3600', { verb: 'soft-stop', workloads: ['a'], timeoutSeconds: 3600 }],
    ['pause a', { verb: 'pause', workloads: ['a'] }],
    ['resume a', { verb: 'resume', workloads: ['a'] }],
    ['restart a --now', { verb: 'restart', workloads: ['a'], timeoutSeconds: 0 }],
    ['balloon -w a', { verb: 'balloon', workloads: ['a'], timeoutSeconds: 0 }],
    [
      'balloon 512MiB -w a,b -n tulip',
      { verb: 'balloon', workloads: ['a', 'b'], node: TULIP.id, memory: 2 ** 29, timeoutSeconds: 0 },
    ],
    ['replace -w a --nic 3', { verb: 'replace', workloads: ['a'], nic: 3 }],
    ['replace -w a --volume 0', { verb: 'replace', workloads: ['a'], volume: 0 }],
    ['replace --volume 12 -t 90 -w a', { verb: 'replace', workloads: ['a'], volume: 12, timeoutSeconds: 90 }],
  ])('%s', async (words, run) => {
    await mesh(...words.split(' '));
    expect(pxend?.runs).toEqual([{ timeoutSeconds: 20, dryRun: false, ...run }]);
  });

  test.each([
    ['logs a', 'of=log&lines=100&follow=0'],
    ['logs -w a --serial -l 7 -f', 'of=serial&lines=7&follow=1'],
    ['logs -w a --lines 0 --follow --raw', 'of=log&lines=0&follow=1'],
  ])('%s', async (words, query) => {
    expect(await mesh(...words.split(' '))).toBe('');
    expect(pxend?.paths).toEqual([`/api/v1/workloads/a/output?${query}`]);
  });

  test.each([
    ['start', 'no workload is named'],
    [
      'stop a -t -1',
      "error: option '-t, --timeout <seconds>' argument '-1' is invalid. expected seconds, 0 to 3600.",
    ],
    [
      'stop a -t 1h',
      "error: option '-t, --timeout <seconds>' argument '1h' is invalid. expected seconds, 0 to 3600.",
    ],
    [
      'stop a -t 3601',
      "error: option '-t, --timeout <seconds>' argument '3601' is invalid. expected seconds, 0 to 3600.",
    ],
    ['replace -w a', 'what to replace is missing: --volume or --nic, with its number'],
    [
      'replace -w a --nic x',
      "error: option '--nic <id>' argument 'x' is invalid. expected a number such as 1.",
    ],
    [
      'replace -w a --volume 1 --nic 0',
      "error: option '--volume <id>' cannot be used with option '--nic <id>'",
    ],
    [
      'balloon 5 -w a',
      "error: command-argument value '5' is invalid for argument 'size'. expected a size such as 512M or 512MiB.",
    ],
    [
      'soft-stop a -t 0',
      "error: option '-t, --timeout <seconds>' argument '0' is invalid. expected seconds, 1 to 3600.",
    ],
    ['pause a -t 1', "error: unknown option '-t'"],
    [
      'logs a -l x',
      "error: option '-l, --lines <n>' argument 'x' is invalid. expected a whole number, 0 to 999999.",
    ],
    [
      'console a -e A',
      "error: option '-e, --escape <key>' argument 'A' is invalid. expected a key such as ^] or ^A, or none.",
    ],
    [
      'console a --for 0',
      "error: option '--for <seconds>' argument '0' is invalid. expected seconds, more than 0 and at most 86400.",
    ],
    ['validate', "error: missing required argument 'file'"],
    [
      'render x --accel xen',
      "error: option '--accel <policy>' argument 'xen' is invalid. Allowed choices are kvm, auto, tcg.",
    ],
    ['strat a', "error: unknown command 'strat'\n(Did you mean start?)"],
  ])('%s is refused', async (words, message) => expect(await mesh(...words.split(' '))).toBe(message));

  test.each(
    [...commandLine(async () => {}).commands]
      .filter(command => command.name() === 'workload')
      .flatMap(command => command.commands.map(child => child.name())),
  )('%s --help has examples', async verb => {
    const help = await mesh(verb, '--help');
    const examples = help.slice(help.indexOf('Examples:')).split('\n').slice(1);
    expect(examples.length).toBeGreaterThan(0);
    for (const example of examples) expect(example).toMatch(new RegExp(`^ {2}mesh workload ${verb}( |$)`));
  });
});
