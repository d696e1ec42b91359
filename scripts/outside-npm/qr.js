// Finds the QR code in each PNG named and writes its content, a line each.
'use strict';

const fs = require('fs');
const jsqr = require('jsqr');
const {PNG} = require('pngjs');

for (const name of process.argv.slice(2)) {
  const png = PNG.sync.read(fs.readFileSync(name));
  const code = jsqr(new Uint8ClampedArray(png.data), png.width, png.height);
  if (!code) {
    throw new Error(name + ': no QR code found');
  }
  console.log(code.data);
}
