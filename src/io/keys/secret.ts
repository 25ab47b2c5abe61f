import { open, readFile, stat } from 'node:fs/promises';

/** A secret that others could have read is a secret no more: say so instead of using it. */
export async function readSecret(path: string): Promise<string> {
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8);
    throw new Error(
      `${path} has mode ${octal}, expected 600: others may have read it (chmod 600 if you know better)`,
    );
  }
  const text = await readFile(path, 'utf8');
  if (text.trim() === '') throw new Error(`${path} is empty`);
  return text;
}

/** Fails when the file is there already. */
export async function writeSecret(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
