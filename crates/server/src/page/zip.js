// A .zip without compression (PKWARE's APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16): images are compressed already.
"use strict";

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// Fields of 2 and 4 bytes, little-endian: [2, value], [4, value].
function fields(...list) {
  const bytes = new Uint8Array(list.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of list) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return bytes;
}

// `files` are { name, blob }. Names have "/" between folders. The blobs are not copied but for their checksums.
async function zip(files) {
  const MOST = 0xffffffff;
  const utf8 = new TextEncoder();
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const encoded = utf8.encode(name);
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    // Version 2.0, names in UTF-8, stored, 1 January 1980.
    const common = [[2, 20], [2, 0x0800], [2, 0], [2, 0], [2, 0x0021], [4, crc], [4, blob.size], [4, blob.size]];
    const header = fields([4, 0x04034b50], ...common, [2, encoded.length], [2, 0]);
    parts.push(header, encoded, blob);
    const rest = [[2, encoded.length], [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]];
    directory.push(fields([4, 0x02014b50], [2, 20], ...common, ...rest), encoded);
    offset += header.length + encoded.length + blob.size;
    if (offset > MOST || directory.length / 2 > 0xffff) throw new Error("the images are too many or too large for one .zip");
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = directory.length / 2;
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
