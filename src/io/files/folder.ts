import { lstat, mkdir, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, PxenError, systemCode } from '../../base/error.ts';

/** For everybody to read, as an editor would make them; what is secret does not belong in /host0. */
const FOLDER_MODE = 0o755;
const FILE_MODE = 0o644;

/**
 * Makes a folder with these files, whole or not at all: nobody sees it half filled. Rejects with CONFLICT when there is
 * something of that name, NO_PERMISSION or STATE_UNUSABLE when it cannot be written.
 */
export async function createFolder(path: string, files: Readonly<Record<string, string>>): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE });
    // Hidden folders are no machines: a draft that is left behind harms nothing.
    const draft = await mkdtemp(join(dirname(path), '.draft-'));
    try {
      for (const [name, text] of Object.entries(files)) await writeWhole(join(draft, name), text);
      await setMode(draft, FOLDER_MODE);
      // rename(2) would put the folder in place of an empty one.
      if (await exists(path)) throw taken(path);
      await rename(draft, path);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
  } catch (error) {
    throw asFolderError(path, error);
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    await file.writeFile(text);
    await file.chmod(FILE_MODE);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** mkdtemp and the umask of the caller know only 0700. */
async function setMode(folder: string, mode: number): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.chmod(mode);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}

function taken(path: string): PxenError {
  return new PxenError('CONFLICT', `${path} is there already; choose another name`);
}

function asFolderError(path: string, error: unknown): PxenError {
  if (error instanceof PxenError) return error;
  const code = systemCode(error) ?? '';
  if (['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)) return taken(path);
  if (['EACCES', 'EPERM', 'EROFS'].includes(code))
    return new PxenError('NO_PERMISSION', `${path} cannot be made: ${messageOf(error)}`, { cause: error });
  return new PxenError('STATE_UNUSABLE', `${path} cannot be made: ${messageOf(error)}`, { cause: error });
}
