import * as fs from 'node:fs';
import { promisify } from 'node:util';

// A build makes and reads thousands of these. See the note on callbacks in files/tree.ts.
const open = promisify(fs.open);
const read = promisify(fs.read);
const writeFile = promisify(fs.writeFile);
const fsync = promisify(fs.fsync);

/** A secret that others could have read is a secret no more: say so instead of using it. */
export async function readSecret(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { mode, size } = fs.fstatSync(file);
    if ((mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8);
      throw new Error(
        `${path} has mode ${octal}, expected 600: others may have read it (chmod 600 if you know better)`,
      );
    }
    const { bytesRead, buffer } = await read(file, Buffer.alloc(size), 0, size, 0);
    const text = buffer.toString('utf8', 0, bytesRead);
    if (text.trim() === '') throw new Error(`${path} is empty`);
    return text;
  } finally {
    fs.closeSync(file);
  }
}

/** Fails when the file is there already. */
export async function writeSecret(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await writeFile(file, text);
    await fsync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** The names in a folder are on disk when it resolves. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await fsync(folder);
  } finally {
    fs.closeSync(folder);
  }
}
