import { messageOf, PxenError, systemCode } from '../../base/error.ts';

/** What a system error about the folder of built overlays means to an admin. */
export function unusable(path: string, problem: string, cause: unknown): PxenError {
  if (['EACCES', 'EPERM'].includes(systemCode(cause) ?? '')) {
    return new PxenError(
      'NO_PERMISSION',
      `${path}: only root may have overlays, they hold keys; run this as root`,
      { cause },
    );
  }
  return new PxenError('STATE_UNUSABLE', `${path}: ${problem}`, { cause });
}

/** What has become a clear error further down stays as it is. */
export function unwritable(path: string, error: unknown): PxenError {
  if (error instanceof PxenError) return error;
  const full = ['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? '');
  const reason = full ? 'the disk is full' : messageOf(error);
  return unusable(path, `cannot be written, ${reason}; the overlays of before stay served`, error);
}
