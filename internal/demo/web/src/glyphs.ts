// One small drawing per shelf on a 48 × 48 field: a = the item's colour,
// b = light on it, d = shade on it, l = a line.
const G: Record<string, string> = {
  mug: '<path class="l" d="M18 13c-2-3 2-4 0-7M26 13c-2-3 2-4 0-7"/><path class="l" d="M33 22h4a5 5 0 0 1 0 11h-4"/><path class="a" d="M11 17h23v20a5 5 0 0 1-5 5H16a5 5 0 0 1-5-5z"/><path class="b" d="M15 21h4v14h-4z"/>',
  teapot: '<path class="l" d="M35 22h3a6 6 0 0 1-3 12"/><path class="a" d="M12 24 5 17l-2 3 8 12a13 9 0 0 0 13 9c8 0 13-5 13-11S32 19 24 19s-11 2-12 5z"/><path class="d" d="M17 20a7 5 0 0 1 14 0z"/><circle class="a" cx="24" cy="13" r="2.5"/><path class="b" d="M17 28a8 8 0 0 0 3 8 12 12 0 0 1-3-8z"/>',
  cake: '<path class="a" d="M5 39h38v3H5zM11 26h26v12H11z"/><path class="b" d="M11 26h26v4c-2 3-4 3-6 0-2 3-5 3-7 0-2 3-5 3-7 0-2 3-4 3-6 0z"/><path class="a" d="M16 17h16v9H16z"/><path class="d" d="M16 17h16v3c-2 2-3 2-5 0-2 2-4 2-6 0-2 2-3 2-5 0z"/><circle class="a" cx="24" cy="12" r="3.5"/>',
  jar: '<path class="d" d="M14 7h20v6H14z"/><path class="a" d="M13 14h22c3 2 4 5 4 8v15a5 5 0 0 1-5 5H14a5 5 0 0 1-5-5V22c0-3 1-6 4-8z"/><path class="b" d="M14 24h20v10H14z"/>',
  plate: '<circle class="a" cx="24" cy="24" r="19"/><circle class="b" cx="24" cy="24" r="12"/><path class="d" d="M24 17c3 4 3 10 0 14-3-4-3-10 0-14z"/>',
  cutlery: '<path class="a" d="M12 5v11a5 5 0 0 0 4 5v21h4V21a5 5 0 0 0 4-5V5h-2v10h-2V5h-4v10h-2V5z"/><path class="a" d="M34 5c-5 4-6 12-4 20h3v17h4V5z"/><path class="b" d="M34 9c-2 3-3 7-2 12h2z"/>',
  towel: '<path class="d" d="M8 8h32v4H8z"/><path class="a" d="M12 10h24v32H12z"/><path class="b" d="M12 31h24v3H12zM12 36h24v2H12z"/>',
  magnet: '<path class="a" d="M10 8h9v17a5 5 0 0 0 10 0V8h9v17a14 14 0 0 1-28 0z"/><path class="b" d="M10 8h9v7h-9zM29 8h9v7h-9z"/>',
  candle: '<path class="a" d="M17 19h14v23H17z"/><path class="b" d="M17 19h4v17a2 2 0 0 1-4 0z"/><path class="d" d="M12 39h24v4H12z"/><path class="f" d="M24 4c5 6 5 11 0 13-5-2-5-7 0-13z"/>',
  lamp: '<path class="a" d="M16 7h16l7 19H9z"/><path class="b" d="M17 9h5l-3 15h-6z"/><path class="d" d="M22 26h4v12h-4z"/><path class="a" d="M14 38h20v4H14z"/>',
  clock: '<circle class="a" cx="24" cy="25" r="17"/><circle class="b" cx="24" cy="25" r="12.500"/><path class="l" d="M24 17v8l6 4"/><path class="d" d="m8 11 6-5 2 3-6 5zM40 11l-6-5-2 3 6 5z"/>',
  frame: '<path class="a" d="M8 6h32v36H8z"/><path class="b" d="M14 12h20v24H14z"/><path class="d" d="m14 36 7-11 5 6 3-4 5 9z"/><circle class="a" cx="29" cy="18" r="2.5"/>',
  sign: '<path class="l" d="m12 18 12-12 12 12"/><path class="a" d="M5 18h38v20H5z"/><path class="b" d="M11 24h26v2.500H11zM11 30h18v2.500H11z"/>',
  cushion: '<path class="a" d="M7 9c11 4 23 4 34 0-3 10-3 20 0 30-11-4-23-4-34 0 3-10 3-20 0-30z"/><circle class="b" cx="24" cy="24" r="6"/><circle class="d" cx="24" cy="24" r="2"/>',
  mat: '<path class="a" d="M12 4h24v31H12z"/><path class="b" d="M16 9h7v9h-7zM25 9h7v9h-7z"/><circle class="d" cx="32" cy="24" r="2"/><path class="d" d="M5 36h38v7H5z"/>',
  hook: '<path class="d" d="M17 5h14v18H17z"/><path class="l" d="M24 20v12a7 7 0 0 1-14 0"/><circle class="a" cx="10" cy="31" r="4"/><circle class="a" cx="24" cy="12" r="4"/>',
  knob: '<circle class="a" cx="24" cy="24" r="17"/><circle class="d" cx="24" cy="24" r="11"/><circle class="a" cx="24" cy="24" r="8"/><path class="b" d="M13 18a13 13 0 0 1 9-7l-1 4a9 9 0 0 0-5 5z"/>',
  bath: '<path class="a" d="M5 24h38v4a13 13 0 0 1-13 13H18A13 13 0 0 1 5 28z"/><path class="l" d="M10 23V11a4 4 0 0 1 8 0"/><circle class="b" cx="24" cy="19" r="5"/><circle class="b" cx="32" cy="17" r="4"/><circle class="b" cx="35" cy="10" r="2.5"/>',
  scent: '<path class="a" d="M24 43C10 36 8 22 24 5c16 17 14 31 0 38z"/><path class="l2" d="M24 43V18M24 30l7-6M24 25l-6-5"/>',
  warm: '<path class="d" d="M20 4h8v6h-8z"/><path class="a" d="M17 11h14c5 3 6 6 6 11v14a7 7 0 0 1-7 7H18a7 7 0 0 1-7-7V22c0-5 1-8 6-11z"/><path class="b" d="M24 34c-9-6-6-13-2-11l2 2 2-2c4-2 7 5-2 11z"/>',
  box: '<path class="a" d="M6 17h36v24H6z"/><path class="d" d="M3 11h42v8H3z"/><path class="b" d="M19 24h10v4H19z"/>',
  heart: '<path class="l" d="M24 13V4"/><path class="a" d="M24 43C2 28 8 8 20 12l4 4 4-4c12-4 18 16-4 31z"/><path class="b" d="M12 20c0-4 3-6 6-5-3 1-4 4-4 8z"/>',
  lunch: '<path class="l" d="M18 14V9a6 6 0 0 1 12 0v5"/><path class="a" d="M8 14h32v24a4 4 0 0 1-4 4H12a4 4 0 0 1-4-4z"/><path class="d" d="M8 14h32v7H8z"/><path class="b" d="M19 25h10v10H19z"/>',
  tote: '<path class="l" d="M16 18V12a8 8 0 0 1 16 0v6"/><path class="a" d="M8 16h32l3 27H5z"/><path class="b" d="M24 38c-10-7-6-14-2-11l2 2 2-2c4-3 8 4-2 11z"/>',
  purse: '<path class="l" d="M15 20C15 4 33 4 33 20"/><path class="a" d="M7 20h34l3 15c0 5-2 7-6 7H10c-4 0-6-2-6-7z"/><path class="d" d="M7 20h34l1 6H6z"/><circle class="b" cx="24" cy="26" r="3.5"/>',
  gift: '<path class="l" d="M24 14C14 14 12 4 18 5c4 0 6 5 6 9 0-4 2-9 6-9 6-1 4 9-6 9z"/><path class="a" d="M7 14h34v28H7z"/><path class="d" d="M7 14h34v6H7z"/><path class="b" d="M21 14h6v28h-6z"/>',
  card: '<path class="a" d="M5 11h38v28H5z"/><path class="b" d="m5 11 19 16 19-16v5L24 31 5 16z"/>',
  pencil: '<path class="a" d="m31 6 11 11-23 23L8 29z"/><path class="b" d="m31 6 4 4-23 23-4-4z"/><path class="d" d="M8 29 5 43l14-3z"/>',
  book: '<path class="a" d="M11 5h28v38H11a5 5 0 0 1-5-5V10a5 5 0 0 1 5-5z"/><path class="d" d="M11 5h4v38h-4z"/><path class="b" d="M20 13h14v3H20zM20 19h9v3h-9z"/>',
  sticker: '<path class="a" d="M8 6h32v21L27 42H8z"/><path class="d" d="M40 27H31a4 4 0 0 0-4 4v11z"/><path class="b" d="m22 12 3 6 6 1-4 4 1 6-6-3-6 3 1-6-4-4 6-1z"/>',
  necklace: '<path class="l" d="M9 6c0 16 6 24 15 24S39 22 39 6"/><circle class="a" cx="12" cy="18" r="3"/><circle class="a" cx="17" cy="26" r="3"/><circle class="a" cx="36" cy="18" r="3"/><circle class="a" cx="31" cy="26" r="3"/><path class="a" d="m24 27 6 7-6 9-6-9z"/><path class="b" d="m24 27 2 7-2 9-2-9z"/>',
  bracelet: '<circle class="l" cx="24" cy="24" r="16"/><circle class="a" cx="24" cy="8" r="5"/><circle class="a" cx="38" cy="16" r="4"/><circle class="a" cx="38" cy="32" r="4"/><circle class="a" cx="24" cy="40" r="5"/><circle class="a" cx="10" cy="32" r="4"/><circle class="a" cx="10" cy="16" r="4"/><circle class="b" cx="22.500" cy="6.500" r="1.500"/>',
  earrings: '<path class="l" d="M14 5v10M34 5v10"/><circle class="d" cx="14" cy="16" r="4"/><circle class="d" cx="34" cy="16" r="4"/><path class="a" d="M14 19c9 12 7 22 0 22s-9-10 0-22zM34 19c9 12 7 22 0 22s-9-10 0-22z"/><path class="b" d="M12 28c-2 4-1 7 0 8zM32 28c-2 4-1 7 0 8z"/>',
  bow: '<path class="a" d="M24 24C12 8 4 12 5 24s7 16 19 0c12 16 18 12 19 0S36 8 24 24z"/><circle class="d" cx="24" cy="24" r="5"/><path class="b" d="M10 18c-2 3-2 8 0 11z"/>',
  gem: '<path class="a" d="M13 8h22l9 12-20 23L4 20z"/><path class="b" d="m13 8 5 12H4zM24 43 18 20h12z"/><path class="d" d="m35 8-5 12h14z"/>',
  ring: '<circle class="l" cx="24" cy="29" r="13"/><path class="a" d="M17 5h14l5 6-12 11L12 11z"/><path class="b" d="m17 5 3 6h-8z"/>',
  teddy: '<circle class="a" cx="12" cy="13" r="7"/><circle class="a" cx="36" cy="13" r="7"/><circle class="a" cx="24" cy="25" r="17"/><ellipse class="b" cx="24" cy="31" rx="8" ry="6"/><circle class="k" cx="18" cy="22" r="2"/><circle class="k" cx="30" cy="22" r="2"/><circle class="k" cx="24" cy="29" r="2.200"/>',
  puzzle: '<path class="a" d="M7 14h11c-3-8 9-8 6 0h11v11c8-3 8 9 0 6v11H7V31c7 2 7-8 0-6z"/><path class="b" d="M11 18h8v4h-8z"/>',
  rocket: '<path class="d" d="m16 26-8 6 1 9 8-5zM32 26l8 6-1 9-8-5z"/><path class="a" d="M24 3c11 9 12 22 8 34H16C12 25 13 12 24 3z"/><circle class="b" cx="24" cy="20" r="5"/><path class="f" d="M20 38h8l-4 8z"/>',
  plant: '<path class="l" d="M24 27V14"/><path class="g" d="M24 18C12 20 8 13 9 6c9-1 15 3 15 12zM24 22c0-8 6-12 14-10 1 7-4 12-14 10z"/><path class="a" d="M10 26h28l-4 17H14z"/><path class="d" d="M10 26h28l-1 5H11z"/>',
  birdhouse: '<path class="d" d="M4 21 24 4l20 17-3 3-17-14L7 24z"/><path class="a" d="M10 21 24 9l14 12v22H10z"/><circle class="k" cx="24" cy="24" r="5"/><path class="b" d="M14 35h20v3H14z"/>',
  bunting: '<path class="l" d="M3 10c14 8 28 8 42 0"/><path class="a" d="m6 12 11 3-6 15z"/><path class="d" d="m19 16 10 0-5 17z"/><path class="a" d="m31 15 11-3-5 18z"/><path class="b" d="m20.500 16 7 0-3.500 6z"/>',
  balloon: '<path class="a" d="M24 4c9 0 14 7 14 14 0 8-7 14-14 16-7-2-14-8-14-16C10 11 15 4 24 4z"/><path class="d" d="m21 34 6 0 2 4h-10z"/><path class="l" d="M24 38c-4 4 3 3 0 8"/><path class="b" d="M16 16c0-4 3-7 6-7-3 2-4 5-4 8z"/>',
  spool: '<path class="d" d="M11 6h26v7H11zM11 35h26v7H11z"/><path class="a" d="M15 13h18v22H15z"/><path class="b" d="M15 16h18v2H15zM15 22h18v2H15zM15 28h18v2H15z"/>',
  scissors: '<path class="a" d="m14 5 13 22-4 3L11 9zM34 5 21 27l4 3L37 9z"/><circle class="l" cx="15" cy="36" r="6"/><circle class="l" cx="33" cy="36" r="6"/>',
  tree: '<path class="d" d="M21 36h6v8h-6z"/><path class="a" d="m24 4 11 14h-5l9 11h-6l7 9H8l7-9H9l9-11h-5z"/><circle class="f" cx="20" cy="23" r="2"/><circle class="f" cx="28" cy="29" r="2"/><circle class="f" cx="24" cy="14" r="2"/><circle class="f" cx="17" cy="33" r="2"/>',
  bauble: '<path class="d" d="M20 7h8v7h-8z"/><circle class="a" cx="24" cy="28" r="15"/><path class="b" d="m24 19 2.500 6 6 .5-4.500 4 1.500 6-5.500-3.500L18.500 35.500l1.500-6-4.500-4 6-.5z"/>',
  egg: '<path class="a" d="M24 4c9 0 15 14 15 24a15 15 0 0 1-30 0C9 18 15 4 24 4z"/><path class="b" d="m10 23 5 4 5-4 4 4 4-4 5 4 5-4 .8 5-5.800 4-5-4-4 4-4-4-5 4-5.800-4z"/>',
  umbrella: '<path class="l" d="M24 24v14a4 4 0 0 1-8 0"/><path class="a" d="M4 25a20 20 0 0 1 40 0c-3-3-7-3-10 0-3-3-7-3-10 0-3-3-7-3-10 0-3-3-7-3-10 0z"/><path class="b" d="M14 25c0-9 4-16 10-19-4 5-5 12-5 17-2 0-4 1-5 2z"/>',
  lantern: '<path class="l" d="M17 12a7 7 0 0 1 14 0"/><path class="d" d="M14 12h20l3 5H11z"/><path class="a" d="M12 17h24v21H12z"/><path class="b" d="M17 20h14v15H17z"/><path class="f" d="M24 22c4 5 4 9 0 11-4-2-4-6 0-11z"/><path class="d" d="M10 38h28v5H10z"/>',
  tealight: '<path class="a" d="M8 18h32l-4 22a4 4 0 0 1-4 3H16a4 4 0 0 1-4-3z"/><path class="b" d="M13 23h5l3 16h-5z"/><ellipse class="d" cx="24" cy="18" rx="16" ry="4"/><path class="f" d="M24 3c5 6 5 11 0 14-5-3-5-8 0-14z"/>',
  bird: '<path class="l" d="M21 38v6M27 38v6"/><path class="a" d="M44 17 36 14C32 7 21 7 19 16L4 30c8 8 30 16 34-10z"/><path class="b" d="M20 21c-3 7 5 12 12 8-2-6-6-9-12-8z"/><circle class="k" cx="32" cy="16" r="2"/>',
  butterfly: '<path class="a" d="M23 25C12 4 2 8 5 17c1 4 5 7 10 8-8 2-8 14 0 15 5 0 8-7 8-15zM25 25C36 4 46 8 43 17c-1 4-5 7-10 8 8 2 8 14 0 15-5 0-8-7-8-15z"/><circle class="b" cx="12" cy="17" r="3"/><circle class="b" cx="36" cy="17" r="3"/><path class="d" d="M22 14h4v26l-2 4-2-4z"/>',
  star: '<path class="a" d="m24 3 6.500 14 15 2-11 10.500 3 15L24 37l-13.500 7.500 3-15L2.500 19l15-2z"/><path class="b" d="m24 3 6.500 14L24 24zM2.500 19 24 24l-10.500 5.500zM37.500 44.500 24 24v13z"/>',
  flower: '<circle class="a" cx="24" cy="11" r="8.500"/><circle class="a" cx="37" cy="20" r="8.500"/><circle class="a" cx="32" cy="35" r="8.500"/><circle class="a" cx="16" cy="35" r="8.500"/><circle class="a" cx="11" cy="20" r="8.500"/><circle class="f" cx="24" cy="24" r="7.500"/>',
  basket: '<path class="l" d="M12 20C12 2 36 2 36 20"/><path class="a" d="M6 19h36l-4 23H10z"/><path class="d" d="M4 17h40v6H4z"/><path class="b" d="M11 27h26v3H11zM12 34h24v3H12z"/>',
  skull: '<path class="w" d="M24 5c11 0 17 8 17 16 0 6-3 9-6 11v9H13v-9c-3-2-6-5-6-11C7 13 13 5 24 5z"/><circle class="k" cx="17" cy="22" r="4.500"/><circle class="k" cx="31" cy="22" r="4.500"/><path class="k" d="m24 27 2.500 5h-5z"/>',
  apple: '<path class="l" d="M24 14c0-5 2-8 6-9"/><path class="r" d="M24 15c14-6 21 5 15 18-4 9-9 11-15 8-6 3-11 1-15-8C3 20 10 9 24 15z"/><path class="b" d="M12 22c1-3 3-4 6-4-3 3-4 6-4 10-2-2-2-4-2-6z"/>',
  flag: '<path class="u" d="M4 9h40v30H4z"/><path class="w" d="m4 9 40 30M44 9 4 39" stroke="#fff" stroke-width="6"/><path class="w" d="M19 9h10v30H19zM4 19h40v10H4z"/><path class="r" d="M21 9h6v30h-6zM4 21h40v6H4z"/>',
  mushroom: '<path class="w" d="M18 26h12l3 16H15z"/><path class="r" d="M4 27C4 2 44 2 44 27z"/><circle class="w" cx="16" cy="18" r="3.500"/><circle class="w" cx="30" cy="14" r="3.500"/><circle class="w" cx="36" cy="23" r="2.500"/>',
  babushka: '<path class="r" d="M24 3c9 0 12 8 11 13 6 5 8 26-1 29H14c-9-3-7-24-1-29C12 11 15 3 24 3z"/><circle class="w" cx="24" cy="14" r="7"/><circle class="k" cx="21.500" cy="13.500" r="1.300"/><circle class="k" cx="26.500" cy="13.500" r="1.300"/><circle class="f" cx="24" cy="32" r="6"/>',
  spark: '<path class="a" d="m24 3 5 16 16 5-16 5-5 16-5-16L3 24l16-5z"/><path class="b" d="m24 14 2.500 7.500L34 24l-7.500 2.500L24 34z"/>',
}

const SHELVES: Record<string, string> = {
  'kitchen>mugs & cups': 'mug', 'kitchen>tea & coffee': 'teapot', 'kitchen>cake & baking': 'cake', 'kitchen>jars & tins': 'jar', 'kitchen>plates & bowls': 'plate',
  'kitchen>cutlery & glass': 'cutlery', 'kitchen>aprons & towels': 'towel', 'kitchen>bits & bobs': 'magnet',
  'home>lanterns & candles': 'candle', 'home>lights': 'lamp', 'home>clocks': 'clock', 'home>frames & mirrors': 'frame', 'home>signs': 'sign', 'home>cushions': 'cushion',
  'home>doormats & stops': 'mat', 'home>hooks & hangers': 'hook', 'home>knobs & handles': 'knob', 'home>bathroom': 'bath', 'home>scent': 'scent', 'home>warm & cosy': 'warm',
  'home>storage': 'box', 'home>ornaments': 'heart', 'bags>lunch bags': 'lunch', 'bags>jumbo bags': 'tote', 'bags>shopping bags': 'tote', 'bags>handbags & purses': 'purse',
  'stationery>wrap & gift bags': 'gift', 'stationery>cards & letters': 'card', 'stationery>pens & pencils': 'pencil', 'stationery>notebooks': 'book', 'stationery>stickers & desk': 'sticker',
  'jewellery>necklaces': 'necklace', 'jewellery>bracelets': 'bracelet', 'jewellery>earrings': 'earrings', 'jewellery>hair': 'bow', 'jewellery>boxes & stands': 'gem', 'jewellery>rings & charms': 'ring',
  'toys>dolls & soft toys': 'teddy', 'toys>games & puzzles': 'puzzle', 'toys>play & learn': 'rocket', 'garden>pots & planters': 'plant', 'garden>outdoors': 'birdhouse',
  'party>bunting & garlands': 'bunting', 'party>party table': 'balloon', 'craft>sewing & knitting': 'spool', 'craft>kits': 'scissors',
  'christmas>decorations': 'tree', 'christmas>cards & wrap': 'bauble', easter: 'egg', 'travel & outings': 'umbrella',
}

/** What a name says more exactly than its shelf. */
const NAMED: [RegExp, string, RegExp][] = [
  [/lantern/i, 'lantern', /^home>lanterns/],
  [/t-light/i, 'tealight', /^home>lanterns/],
  [/butterfl/i, 'butterfly', /^home>ornaments/],
  [/bird|dove|owl|hen\b|duck|cockerel/i, 'bird', /^home>ornaments/],
  [/star/i, 'star', /^home>ornaments|^christmas/],
  [/flower|rose|lily|daisy|bouquet|blossom|floral/i, 'flower', /^home>ornaments/],
  [/angel|heart/i, 'heart', /^christmas>dec/],
  [/bauble|ball|droplet/i, 'bauble', /^christmas>dec/],
  [/basket/i, 'basket', /^home>storage/],
  [/umbrella|parasol/i, 'umbrella', /./],
  [/key ?(ring|fob)|luggage|passport/i, 'card', /^travel/],
]

export function glyphOf(category: string, name = ''): string {
  const said = NAMED.find(([word, , shelf]) => shelf.test(category) && word.test(name))?.[1]
  return G[said ?? SHELVES[category] ?? ''] ?? G.spark!
}

const MOTIFS: Record<string, string> = {
  hearts: 'heart', stars: 'star', skulls: 'skull', floral: 'flower', birds: 'bird', butterflies: 'butterfly', fruit: 'apple', space: 'rocket', 'union jack': 'flag', woodland: 'mushroom',
  babushka: 'babushka', circus: 'balloon',
}

/** A small second drawing for what is printed on an item; '' for none. */
export function motifOf(pattern: string | undefined, glyph: string): string {
  const g = G[MOTIFS[pattern ?? ''] ?? ''] ?? ''
  return g === glyph ? '' : g
}

const HUES: Record<string, number> = {
  christmas: 352, easter: 88, bags: 16, stationery: 216, jewellery: 292, kitchen: 36, home: 186, party: 330, craft: 264, toys: 48, garden: 138, 'travel & outings': 204, curiosities: 240,
}

export const hueOf = (category: string): number => HUES[category.split('>')[0] ?? ''] ?? 240

/** A number from a text, the same every time; for small differences between tiles. */
export function hash(text: string): number {
  let h = 2166136261
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619)
  return h >>> 0
}

const COLOURS: Record<string, string> = {
  red: '#d8453f', pink: '#e985a8', blue: '#4a7fcb', turquoise: '#35a7a5', green: '#5a9f5a', yellow: '#e9b93c', orange: '#e8883a', purple: '#8d68c2', ivory: '#e9dfc6', white: '#fbfaf6',
  black: '#3a3742', brown: '#8a5a3c', gold: '#d0a03c', silver: '#b6bcc6', copper: '#bd7446', grey: '#8b919c', clear: '#bfe0e6',
}

export const paintOf = (colour: string | undefined): string | undefined => COLOURS[colour ?? '']

const PATTERNS: Record<string, string> = {
  'polka dot': 'dots', hearts: 'hearts', stars: 'stars', stripes: 'stripes', paisley: 'drops', gingham: 'check', floral: 'flowers', 'union jack': 'check', birds: 'waves', butterflies: 'flowers',
  skulls: 'dots', vintage: 'lattice', woodland: 'drops', fruit: 'dots', circus: 'stripes', space: 'stars', babushka: 'flowers', lace: 'lattice',
}

export const patternOf = (pattern: string | undefined): string => PATTERNS[pattern ?? ''] ?? ''
