import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PROJECT, Room } from '../../scripts/room/room.ts';
import { admit, pretendNode, report, running } from './pretend-nodes.ts';

/**
 * The walk through of docs/placement.md, taken step by step with the real pxend: what the page shows is what a user sees.
 * UPDATE_DOCS=1 writes it there.
 */
const PAGE = join(PROJECT, 'docs/placement.md');
const NODES = ['alder', 'birch', 'cedar'].map((name, i) => pretendNode(name, i + 1, 8, 32));
const page = readFileSync(PAGE, 'utf8');
const WALK = /^## A walk through\n[\s\S]*?(?=^## )/m;
const room = new Room();

/** The fenced blocks of a language. */
function blocks(language: string, text = page): string[] {
  return Array.from(text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)).flatMap(block =>
    block[1] === language ? [block[2] ?? ''] : [],
  );
}

/** Writes the files of the page, which are called in their first line. */
function writeFiles(folder: string, language: string): void {
  for (const block of blocks(language))
    room.write(join(folder, /^# (\S+\.conf)/.exec(block)?.[1] ?? 'unnamed'), block);
}

beforeAll(async () => {
  room.open();
  admit(room, NODES);
  writeFiles('var/pxen/monoliths', 'conf');
  await room.startPxend();
});
afterAll(() => room.close());

let isWebRunning = false;

/** What a command prints; what the page says has happened before it has. */
async function printed(command: string): Promise<string> {
  if (command === 'mesh host profiles') await haveRules();
  if (command.startsWith('mesh host drain')) isWebRunning = true;
  for (const [i, node] of NODES.entries())
    report(room, node, isWebRunning && i === 0 ? [running('web', { vcpus: 4, memory: 8 * 2 ** 30 })] : []);
  const { stdout, stderr } = await room.mesh(...command.split(' ').slice(1));
  return stdout + stderr;
}

async function haveRules(): Promise<void> {
  writeFiles('host0', 'hocon');
  const end = Date.now() + 10_000;
  while (!(await room.mesh('host', 'profiles', '--names')).stdout.includes('gpu-node'))
    if (Date.now() > end) throw new Error('pxend did not read hardware.conf');
}

test('every command of the walk prints what the page says', async () => {
  const walked: string[] = [];
  const shown = blocks('console', WALK.exec(page)?.[0] ?? '');
  for (const block of shown) {
    const steps: string[] = [];
    for (const [, command = ''] of block.matchAll(/^\$ (mesh .*)$/gm))
      steps.push(`$ ${command}\n${await printed(command)}`);
    walked.push(steps.join('\n'));
  }
  if (process.env['UPDATE_DOCS']) writeFileSync(PAGE, pageWith(walked));
  else expect(shown).toEqual(walked);
  expect(walked.length).toBe(5);
});

function pageWith(walked: readonly string[]): string {
  let at = 0;
  const block = /(?<=^```console\n)[\s\S]*?(?=^```$)/gm;
  return page.replace(WALK, walk => walk.replace(block, () => walked[at++] ?? ''));
}
