// How a list differs from the one before it.

export type Move = { kind: 'new' } | { kind: 'up'; by: number } | { kind: 'down'; by: number } | { kind: 'same' }

/** Compares two lists of ids. Without an earlier list nothing has moved. */
export function movesOf(before: readonly string[] | null, now: readonly string[]): Map<string, Move> {
  const was = new Map((before ?? []).map((id, i) => [id, i] as const))
  return new Map(
    now.map((id, i): [string, Move] => {
      const at = was.get(id)
      if (!before || at === i) return [id, { kind: 'same' }]
      if (at === undefined) return [id, { kind: 'new' }]
      return [id, at > i ? { kind: 'up', by: at - i } : { kind: 'down', by: i - at }]
    }),
  )
}

/** The change in words, for who does not see it; '' when nothing changed. */
export function tell(title: string, moves: Map<string, Move>, first: string): string {
  const count = { new: 0, up: 0, down: 0, same: 0 }
  for (const m of moves.values()) count[m.kind]++
  if (count.new + count.up + count.down === 0) return ''
  const parts = [count.new && `${count.new} new`, count.up && `${count.up} up`, count.down && `${count.down} down`].filter(Boolean)
  return `${title} changed: ${parts.join(', ')}. First is ${first}.`
}
