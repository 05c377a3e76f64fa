/** Every command's name, core and built in; the docs are checked against it. */
import { CORE_COMMANDS } from './commands/index.js';
import { BUILT_IN_COMMANDS } from './plugin-commands.js';

export const commandNames = (): string[] => [...CORE_COMMANDS, ...BUILT_IN_COMMANDS].map(({ name }) => name).sort();
