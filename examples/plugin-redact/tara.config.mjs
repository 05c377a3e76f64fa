/** Loads the plugin of this folder, as a project that uses it would. */
export default {
  plugins: ['./index.mjs'],
  config: { redact: { mask: '<{kind} hidden>', words: ['Project Falcon'] } },
};
