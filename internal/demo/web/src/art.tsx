// Pictures drawn from what is known of an item: the shelf gives hue and
// drawing, the name a shade, colour and pattern what they say.
import type { Tile } from './answer'
import { glyphOf, hash, hueOf, motifOf, paintOf, patternOf } from './glyphs'

export function Art({ tile, class: cls = '' }: { tile: Tile; class?: string }) {
  const h = hash(tile.id + tile.name)
  const pattern = patternOf(tile.pattern)
  const glyph = glyphOf(tile.category, tile.name)
  const motif = motifOf(tile.pattern, glyph)
  const vars: Record<string, string> = { '--h': String(hueOf(tile.category) + ((h % 53) - 26)) }
  const paint = paintOf(tile.colour)
  if (paint) vars['--paint'] = paint
  return (
    <svg class={`art ${cls}`} viewBox="0 0 120 90" preserveAspectRatio="xMidYMid slice" aria-hidden="true" style={vars}>
      <rect class="ground" width="120" height="90" />
      <circle class="glow" cx={20 + (h % 80)} cy={h % 30} r="62" />
      {pattern && <rect class="pattern" x="-60" y="-60" width="240" height="210" fill={`url(#p-${pattern})`} transform={`rotate(${(h % 5) * 9 - 18} 60 45)`} />}
      <Halo kind={(h >>> 5) % 4} />
      <g class="glyph" transform={`rotate(${((h >>> 9) % 9) - 4} 60 45) translate(35.500 20.500) scale(1.020)`} dangerouslySetInnerHTML={{ __html: glyph }} />
      {motif && (
        <g class="motif">
          <circle cx="86" cy="63" r="12.500" />
          <g class="glyph" transform="translate(77.400 54.400) scale(.36)" dangerouslySetInnerHTML={{ __html: motif }} />
        </g>
      )}
      <text class="initials" x="113" y="83" text-anchor="end">
        {initials(tile.name)}
      </text>
    </svg>
  )
}

function Halo({ kind }: { kind: number }) {
  switch (kind) {
    case 0:
      return <rect class="halo" x="26" y="11" width="68" height="68" rx="20" />
    case 1:
      return <path class="halo" d="M26 80V45a34 34 0 0 1 68 0v35z" />
    case 2:
      return <rect class="halo" x="30" y="15" width="60" height="60" rx="14" transform="rotate(45 60 45)" />
    default:
      return <circle class="halo" cx="60" cy="45" r="35" />
  }
}

export function Glyph({ category }: { category: string }) {
  return (
    <svg class="mini" viewBox="0 0 48 48" aria-hidden="true" style={{ '--h': String(hueOf(category)) }}>
      <g class="glyph" dangerouslySetInnerHTML={{ __html: glyphOf(category) }} />
    </svg>
  )
}

export const initials = (name: string): string =>
  name
    .split(/[\s-]+/)
    .filter((w) => /^[A-Z0-9]/.test(w))
    .slice(0, 2)
    .map((w) => w[0])
    .join('')

/** The patterns that all pictures share; stands once in the page. */
export function Patterns() {
  return (
    <svg class="offstage" aria-hidden="true" focusable="false">
      <defs>
        <pattern id="p-dots" width="14" height="14" patternUnits="userSpaceOnUse">
          <circle cx="4" cy="4" r="2.600" fill="#fff" />
          <circle cx="11" cy="11" r="2.600" fill="#fff" />
        </pattern>
        <pattern id="p-hearts" width="20" height="20" patternUnits="userSpaceOnUse">
          <path fill="#fff" d="M10 15C3 10 4 5 8 6l2 2 2-2c4-1 5 4-2 9z" />
        </pattern>
        <pattern id="p-stars" width="20" height="20" patternUnits="userSpaceOnUse">
          <path fill="#fff" d="m10 3 1.800 4.500 5 .3-3.800 3 1.300 4.700-4.300-2.600-4.300 2.600L7 10.800l-3.800-3 5-.3z" />
        </pattern>
        <pattern id="p-stripes" width="12" height="12" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="5" height="12" fill="#fff" />
        </pattern>
        <pattern id="p-check" width="14" height="14" patternUnits="userSpaceOnUse">
          <rect width="7" height="14" fill="#fff" opacity=".6" />
          <rect width="14" height="7" fill="#fff" opacity=".6" />
        </pattern>
        <pattern id="p-flowers" width="22" height="22" patternUnits="userSpaceOnUse">
          <g fill="#fff">
            <circle cx="11" cy="6.500" r="3" />
            <circle cx="15.500" cy="10" r="3" />
            <circle cx="13.800" cy="15" r="3" />
            <circle cx="8.200" cy="15" r="3" />
            <circle cx="6.500" cy="10" r="3" />
          </g>
        </pattern>
        <pattern id="p-lattice" width="16" height="16" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <path fill="none" stroke="#fff" stroke-width="1.500" d="M0 8h16M8 0v16" />
        </pattern>
        <pattern id="p-drops" width="18" height="18" patternUnits="userSpaceOnUse">
          <path fill="#fff" d="M9 2c5 6 5 11 0 13-5-2-5-7 0-13z" />
        </pattern>
        <pattern id="p-waves" width="20" height="12" patternUnits="userSpaceOnUse">
          <path fill="none" stroke="#fff" stroke-width="1.800" d="M0 8c4-7 7-7 10 0 3-7 6-7 10 0" />
        </pattern>
      </defs>
    </svg>
  )
}
