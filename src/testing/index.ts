/**
 * What plugin authors test with, imported as 'tara-gguf/testing': a booted host without models,
 * files or native code, and in-memory capabilities. May import kernel, errors and npm libraries.
 */

export { createTestHost, type TestHost, type TestHostOptions } from './host.js';
export { fakeCapabilities, fakeCleaner, fakeCompressor, fakeDeployer, fakeEmotion, fakeRouter } from './fakes.js';
export { loadConfig, service, type Host, type PluginSource, type PluginStatus, type Service, type TaraConfig } from '../kernel/index.js';
