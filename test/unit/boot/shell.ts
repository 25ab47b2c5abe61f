import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export const PACKAGE = join(import.meta.dirname, '../../..');

/** The shells that a node may have as /bin/sh: stock Alpine's busybox, the built-in image's dash. */
export const SHELLS: readonly (readonly string[])[] = [['busybox', 'sh'], ['dash']];

/** A folder that stands for a machine's root; gone when the test ends. Keys are paths, values the files' text. */
export function machineRoot(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'pxen-root-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) write(join(root, path), text);
  return root;
}

export function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode });
}

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A command that changes the machine it runs on, at a place where a shell looks for a command. */
const ACTS =
  /(?:^|[;&|({]|\b(?:then|do|until|while|if|exec|else))\s*(?:mount|modprobe|ip|udhcpc|reboot|switch_root|setsid|hostname) /;

/**
 * Tests run as root on machines that somebody needs, and busybox's shell prefers its own ip, mount and reboot to
 * anything on the PATH. So a script is not run at all while one of its lines would act past the MOCK seam.
 */
function unguarded(script: string): string[] {
  return readFileSync(script, 'utf8')
    .split('\n')
    .filter(line => !/^\s*#/.test(line) && ACTS.test(line));
}

export function assertGuarded(script: string): void {
  const lines = unguarded(script);
  if (lines.length > 0)
    throw new Error(`${script} would act on this machine, put $MOCK before: ${lines.join('; ')}`);
}

/** Runs a script of the package under one of the shells. */
export function run(
  shell: readonly string[],
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Ran {
  const [program = 'sh', ...first] = shell;
  const done = spawnSync(program, [...first, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    encoding: 'utf8',
    timeout: 15_000,
  });
  if (done.error) throw done.error;
  return { code: done.status, out: done.stdout, err: done.stderr };
}
