import type { Log, LogFields } from '../../src/base/ports.ts';

/** Keeps every line as `level subsystem: message {fields}`. */
export class RecordingLog implements Log {
  readonly lines: string[] = [];

  readonly debug = this.#writer('debug');
  readonly info = this.#writer('info');
  readonly warn = this.#writer('warn');
  readonly error = this.#writer('error');

  #writer(level: string): (subsystem: string, message: string, fields?: LogFields) => void {
    return (subsystem, message, fields = {}) => {
      const known = Object.entries(fields).filter(([, value]) => value !== undefined);
      const tail = known.length === 0 ? '' : ` ${JSON.stringify(Object.fromEntries(known))}`;
      this.lines.push(`${level} ${subsystem}: ${message}${tail}`);
    };
  }
}
