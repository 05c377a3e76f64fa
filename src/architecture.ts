/**
 * What a module that describes an architecture imports as 'tara-gguf/architecture': the form of a description and the
 * parts that the built-in ones share. Loads nothing native. May import convert's architectures and entries only.
 */
import type { Architecture } from './convert/architectures/description.js';

export type { Architecture, ComputedTensor, Dims, Surroundings, TensorRule, TokenizerKind } from './convert/architectures/description.js';
export type { ModelConfig } from './convert/checkpoint/config.js';
export * from './convert/architectures/common.js';
export { f32, flag, i32, text, u32 } from './convert/entries.js';

/** Gives a description its types; it is checked where conversions are planned. */
export const defineArchitecture = (architecture: Architecture): Architecture => architecture;
