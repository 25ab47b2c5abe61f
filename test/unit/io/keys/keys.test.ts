import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeyFolder } from '../../../../src/io/keys/keys.ts';
import { generateRsaKey, generateSshKey } from '../../../../src/io/keys/openssh.ts';
import { fingerprint } from '../../../../src/io/ssh/fingerprint.ts';
import { ALPHA, BETA } from '../../../fakes/registry.ts';

let root: string;
beforeEach(() => {
  root = join(mkdtempSync(join(tmpdir(), 'pxen-keys-')), 'keys');
});
afterEach(() => rmSync(join(root, '..'), { recursive: true }));

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('an SSH key pair', () => {
  test('is read by ssh-keygen, which derives the same public key and fingerprint', () => {
    const folder = join(root, '..');
    for (let i = 0; i < 5; i++) {
      const pair = generateSshKey(`pxen@test${'x'.repeat(i)}`);
      const path = join(folder, `key${i}`);
      writeFileSync(path, pair.privateKey, { mode: 0o600 });
      writeFileSync(`${path}.pub`, `${pair.publicKey}\n`);
      expect(execFileSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' }).trim()).toBe(
        pair.publicKey,
      );
      const listed = execFileSync('ssh-keygen', ['-l', '-f', `${path}.pub`], { encoding: 'utf8' });
      const blob = Buffer.from(pair.publicKey.split(' ')[1] ?? '', 'base64');
      expect(listed).toBe(`256 ${fingerprint(blob)} pxen@test${'x'.repeat(i)} (ED25519)\n`);
    }
  });

  test('of RSA has 2048 bits, and is read by ssh-keygen too', async () => {
    const pair = await generateRsaKey('pxen@host0');
    const path = join(root, '..', 'rsa');
    writeFileSync(path, pair.privateKey, { mode: 0o600 });
    writeFileSync(`${path}.pub`, `${pair.publicKey}\n`);
    const derived = execFileSync('ssh-keygen', ['-y', '-f', path], { encoding: 'utf8' }).trim();
    expect(`${derived} pxen@host0`).toBe(pair.publicKey);
    expect(execFileSync('ssh-keygen', ['-l', '-f', `${path}.pub`], { encoding: 'utf8' })).toMatch(
      /^2048 \S+ pxen@host0 \(RSA\)\n$/,
    );
  });

  test('has a whole public key even where that begins with zero bytes', () => {
    const lengths = Array.from({ length: 1000 }, () => generateSshKey('x').publicKey.split(' ')[1]?.length);
    expect(new Set(lengths)).toEqual(new Set([68]));
  });
});

describe('the credentials of a machine', () => {
  test('are made on first use, stay the same, and belong to root alone', async () => {
    const made = await new KeyFolder(root).credentials(ALPHA.id);
    expect(made.token).toMatch(/^[\w-]{43}$/);
    expect(made.hostKeyPublic).toMatch(/^ssh-ed25519 \S{68} pxen@91d5815f$/);
    expect(made.hostKeyPrivate).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
    expect(await new KeyFolder(root).credentials(ALPHA.id)).toEqual(made);
    const names = readdirSync(join(root, ALPHA.id)).sort();
    expect(names).toEqual(['ssh_host_ed25519_key', 'ssh_host_ed25519_key.pub', 'token']);
    expect([root, join(root, ALPHA.id)].map(mode)).toEqual(['700', '700']);
    expect(names.map(name => mode(join(root, ALPHA.id, name)))).toEqual(['600', '600', '600']);
  });

  test('differ from machine to machine and are not made by looking', async () => {
    const keys = new KeyFolder(root);
    expect(await keys.find(ALPHA.id)).toBeUndefined();
    const [a, b] = [await keys.credentials(ALPHA.id), await keys.credentials(BETA.id)];
    expect([a.token === b.token, a.hostKeyPublic === b.hostKeyPublic]).toEqual([false, false]);
  });

  test('asked for many times at once are one, and no half-made folder is left', async () => {
    const all = await Promise.all(
      Array.from({ length: 12 }, () => new KeyFolder(root).credentials(ALPHA.id)),
    );
    expect(new Set(all.map(each => JSON.stringify(each))).size).toBe(1);
    expect(readdirSync(root)).toEqual([ALPHA.id]);
  });

  test('asked for by several processes at once are one', async () => {
    const module = join(import.meta.dirname, '../../../../src/io/keys/keys.ts');
    const code = `import { KeyFolder } from ${JSON.stringify(module)};
      const start = Number(process.argv[1]);
      await new Promise(go => setTimeout(go, start - Date.now()));
      console.log((await new KeyFolder(process.argv[2]).credentials('91d5815f')).token);`;
    const start = String(Date.now() + 600);
    const outputs = await Promise.all(
      Array.from({ length: 3 }, () => {
        const child = spawn(process.execPath, ['--input-type=module', '-e', code, start, root]);
        return new Promise<string>(resolve => {
          let text = '';
          child.stdout.on('data', piece => {
            text += piece;
          });
          child.on('close', () => resolve(text.trim()));
        });
      }),
    );
    const { token } = await new KeyFolder(root).credentials(ALPHA.id);
    expect(outputs).toEqual([token, token, token]);
  });

  test('the token is compared whole', async () => {
    const keys = new KeyFolder(root);
    expect(await keys.tokenMatches(ALPHA.id, '')).toBe(false);
    const { token } = await keys.credentials(ALPHA.id);
    expect(
      await Promise.all([token, `${token}x`, token.slice(1), ''].map(t => keys.tokenMatches(ALPHA.id, t))),
    ).toEqual([true, false, false, false]);
    expect(await keys.tokenMatches(BETA.id, token)).toBe(false);
  });

  test('that others may have read, or that are damaged, are not used', async () => {
    const keys = new KeyFolder(root);
    await keys.credentials(ALPHA.id);
    const token = join(root, ALPHA.id, 'token');
    chmodSync(token, 0o644);
    await expect(keys.credentials(ALPHA.id)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: `keys in ${join(root, ALPHA.id)}: ${token} has mode 644, expected 600: others may have read it (chmod 600 if you know better)`,
    });
    chmodSync(token, 0o600);
    writeFileSync(token, '\n');
    await expect(keys.credentials(ALPHA.id)).rejects.toThrow(`${token} is empty`);
    rmSync(token);
    await expect(keys.credentials(ALPHA.id)).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
  });

  test('host0 has a key pair of its own', async () => {
    const pair = await new KeyFolder(root).host0();
    expect(pair.publicKey).toMatch(/^ssh-ed25519 \S{68} pxen@host0$/);
    expect(await new KeyFolder(root).host0()).toEqual(pair);
  });

  test('libvirt hosts get another one, of RSA, made once however many ask', async () => {
    const keys = new KeyFolder(root);
    const [pair, same] = await Promise.all([keys.libvirt(), new KeyFolder(root).libvirt()]);
    expect(pair.publicKey).toMatch(/^ssh-rsa \S+ pxen@host0 for libvirt$/);
    expect(same).toEqual(pair);
    expect(readFileSync(keys.libvirtPublicKey, 'utf8')).toBe(`${pair.publicKey}\n`);
  });
});
