import type { RulesRead } from './rules.ts';

/** The admin's files of hardware and realms. */
export interface RuleFiles {
  /** As they are now; the very same value as before where no file has changed. Throws nothing. */
  read(): RulesOnDisk;
}

export interface RulesOnDisk extends RulesRead {
  /** Where the files are or would be, as paths below the root of the appliance. */
  readonly folders: readonly string[];
}

export const HARDWARE_FILE = '/host0/hardware.conf';
/** Every `*.conf` in it has the realms that it describes, or the parameters of one, which is called as the file. */
export const REALMS_FOLDER = '/host0/realms';
