/**
 * Tokens: typed names of services. Two copies of this file (the package and a plugin's own copy of
 * it) make equal tokens from equal names, so a token is found by name, never by object identity.
 */

import { TaraError } from '../errors.js';

export interface Token<T> {
  /** Lower case, parts joined by dots or dashes; prefix it with the plugin's name: `redact.rules`. */
  readonly name: string;
  readonly key: symbol;
  /** A capability: at most one plugin provides it, declared in `provides`, visible to all. */
  readonly capability: boolean;
  /** Never set: carries the type. */
  readonly type?: T;
}

export const NAME_PATTERN = /^[a-z][a-z0-9]*(?:[-.:][a-z0-9]+)*$/;

function makeToken<T>(name: string, capability: boolean): Token<T> {
  if (!NAME_PATTERN.test(name)) throw new TaraError('TARA_SERVICE_NAME', { token: name });
  return Object.freeze({ name, key: Symbol.for(`tara-gguf:${capability ? 'capability' : 'service'}:${name}`), capability });
}

/** A token for a service of type T. Throws TARA_SERVICE_NAME for a name of another form. */
export const createToken = <T>(name: string): Token<T> => makeToken<T>(name, false);

/** A token for a capability of type T: a service that at most one plugin provides. */
export const createCapability = <T>(name: string): Token<T> => makeToken<T>(name, true);

/** What can look a service up. */
export type Use = <T>(token: Token<T>) => T;
