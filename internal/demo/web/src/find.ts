// Search in the catalog the page holds: every word must begin a word of the
// item; names that begin with it first, then the more bought.
import type { Tile } from './answer'

export type Index = { tile: Tile; words: string[] }[]

export const index = (tiles: readonly Tile[]): Index =>
  tiles.map((tile) => ({
    tile,
    words: split(`${tile.name} ${tile.category} ${tile.colour ?? ''} ${tile.material ?? ''} ${tile.pattern ?? ''} ${tile.id}`),
  }))

const split = (text: string): string[] => text.toLowerCase().split(/[^a-z0-9]+/).filter(Boolean)

export function find(idx: Index, query: string, limit: number): Tile[] {
  const wanted = split(query).map((w) => (w.length > 3 && w.endsWith('s') ? w.slice(0, -1) : w))
  if (!wanted.length) return []
  const ahead: Tile[] = []
  const rest: Tile[] = []
  for (const { tile, words } of idx) {
    if (!wanted.every((w) => words.some((x) => x.startsWith(w)))) continue
    ;(words[0]?.startsWith(wanted[0] ?? '') ? ahead : rest).push(tile)
  }
  return [...ahead, ...rest].slice(0, limit)
}
