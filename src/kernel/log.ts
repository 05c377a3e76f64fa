/** Loggers of the kernel and its plugins; silent without a sink. */

import type { Logger, LogLevel, LogSink } from './plugin.js';

/** A logger whose records carry the plugin's name; a sink that throws is ignored, a log must not end the work. */
export function createLogger(plugin: string, sink: LogSink | undefined): Logger {
  const write = (level: LogLevel) => (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    if (sink === undefined) return;
    try {
      sink({ level, plugin, message, fields });
    } catch {
      // The sink is the last resort for reports: there is nowhere left to tell.
    }
  };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
