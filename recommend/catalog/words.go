package catalog

import (
	"unicode"
	"unicode/utf8"
)

const maxWord = 64 // bytes of a word that count

// wordReader cuts a text into words: runs of letters and digits in lower case.
type wordReader struct {
	rest string
	buf  [maxWord + utf8.UTFMax]byte
}

// next is the next word, empty at the end. It is valid until the next call.
func (w *wordReader) next() []byte {
	word := w.buf[:0]
	for n, r := range w.rest {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			if len(word) < maxWord {
				word = utf8.AppendRune(word, unicode.ToLower(r))
			}
			continue
		}
		if len(word) > 0 {
			w.rest = w.rest[n:]
			return word
		}
	}
	w.rest = ""
	return word
}

// AppendWords adds the codes of at most most words of a text that occur in the
// items' names, for Word.
func (s *Snapshot) AppendWords(dst []uint32, text string, most int) []uint32 {
	w := wordReader{rest: text}
	for word := w.next(); len(word) > 0 && most > 0; word = w.next() {
		if code, ok := s.words.dict[string(word)]; ok {
			dst = append(dst, code)
			most--
		}
	}
	return dst
}
