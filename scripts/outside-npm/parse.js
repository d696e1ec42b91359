// Reads ESC/POS with npos and writes what it found: commands by the names of the manual with their arguments in
// hexadecimal, and text decoded by iconv-lite. Standard input is a JSON list of {"Encoding", "Stream" in base64};
// standard output is a list of lists.
'use strict';

const {Parser, rules, symbols} = require('npos');
const iconv = require('iconv-lite');

// npos does not know GS ( k; its length is written like that of GS ( L, which npos knows.
const known = Object.assign({}, rules);
known[symbols.GS] = Object.assign({'(k': [0, 'd16']}, rules[symbols.GS]);

function parse(encoding, raw) {
  const ast = new Parser(known).analyze(raw);
  if (ast.error) {
    throw ast.error;
  }
  return ast.tree.map((node) => {
    const bytes = raw.subarray(node.offset, node.offset + node.length);
    if (node.ascii === 'STX') {
      return {name: 'text', hex: bytes.toString('hex'), text: iconv.decode(bytes, encoding)};
    }
    return {name: node.ascii + ' ' + node.fn, hex: bytes.subarray(1 + node.fn.length).toString('hex')};
  });
}

const papers = JSON.parse(require('fs').readFileSync(0));
process.stdout.write(JSON.stringify(papers.map((p) => parse(p.Encoding, Buffer.from(p.Stream, 'base64')))));
