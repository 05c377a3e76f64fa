/** npm's install script, reached where no prebuilt addon loads: builds one. */
import { buildNative } from './build-native.mjs';

buildNative();
