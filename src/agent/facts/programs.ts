import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** Whether a program of this name would be found by whoever starts it. Looked up anew each time: packages come and go. */
export function isOnPath(name: string, path = process.env['PATH'] ?? ''): boolean {
  return path.split(':').some(folder => folder !== '' && isExecutable(join(folder, name)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
