/** Loads the plugin of this folder, as a project that uses it would. */
export default {
  plugins: ['./index.mjs'],
  config: { licence: { text: 'Apache License, Version 2.0', refuse: ['non-commercial'] } },
};
