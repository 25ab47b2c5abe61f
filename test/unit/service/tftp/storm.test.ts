import { expect, test } from 'vitest';
import type { Ipv4 } from '../../../../src/base/ipv4.ts';
import { isRefusal, type Refusal, type ServedFile } from '../../../../src/base/served.ts';
import { StormFiles } from '../../../../src/service/tftp/storm.ts';

const ONE = '10.77.0.100' as Ipv4;
const TWO = '10.77.0.101' as Ipv4;

/** Counts what is opened and closed; `own` is made for whoever asks, `missing` is not there. */
function counted(): { files: StormFiles; log: string[] } {
  const log: string[] = [];
  const files = new StormFiles({
    async open(name, peer): Promise<ServedFile | Refusal> {
      log.push(`open ${name} for ${peer}`);
      await Promise.resolve();
      if (name === 'missing') return { reason: 'missing', text: 'no' };
      return {
        size: 1,
        mtimeMs: 0,
        version: name === 'own' ? undefined : name,
        readInto: async () => 1,
        close: async () => void log.push(`close ${name}`),
      };
    },
  });
  return { files, log };
}

async function closeAll(answers: readonly (ServedFile | Refusal)[]): Promise<void> {
  for (const answer of answers) if (!isRefusal(answer)) await answer.close();
}

test('requests at the same time share one file, closed by the last of them; a later one opens again', async () => {
  const { files, log } = counted();
  const answers = await Promise.all([files.open('a', ONE), files.open('a', TWO)]);
  await closeAll(answers.slice(1));
  expect(log).toEqual([`open a for ${ONE}`]);
  await closeAll(answers.slice(0, 1));
  await closeAll([await files.open('a', TWO)]);
  expect(log).toEqual([`open a for ${ONE}`, 'close a', `open a for ${TWO}`, 'close a']);
});

test('what was made for one client is never given to another, and a refusal is asked for again', async () => {
  for (const name of ['own', 'missing']) {
    const { files, log } = counted();
    await closeAll(await Promise.all([files.open(name, ONE), files.open(name, TWO)]));
    expect(log.filter(line => line.startsWith('open'))).toEqual([
      `open ${name} for ${ONE}`,
      `open ${name} for ${TWO}`,
    ]);
  }
});
