package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// write puts the three files of the demo into dir.
func (s *shop) write(dir string) error {
	files := []struct {
		name string
		body []byte
		zip  bool
	}{
		{"items.tsv.gz", s.itemsText(), true},
		{"sessions.tsv.gz", s.sessionsText(), true},
		{"customers.tsv", s.peopleText(), false},
	}
	for _, f := range files {
		body := f.body
		if f.zip {
			var err error
			if body, err = compress(body); err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, f.name), body, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) itemsText() []byte {
	var b bytes.Buffer
	b.WriteString("item_id\tname\tprice\tcategory\tcolour\tmaterial\tpattern\n")
	for _, it := range s.items {
		fmt.Fprintf(&b, "%s\t%s\t%.2f\t%s\t%s\t%s\t%s\n", it.code, it.name, it.price, it.category, it.colour, it.material, it.pattern)
	}
	return b.Bytes()
}

// sessionsText writes times in minutes since 1970, each as the difference to
// the line before, and items as rows of items.tsv counted from 0.
func (s *shop) sessionsText() []byte {
	var b bytes.Buffer
	b.WriteString("minutes_later\tcustomer\titems\n")
	before := int64(0)
	for _, ses := range s.sessions {
		m := ses.at.Unix() / 60
		fmt.Fprintf(&b, "%d\t%s\t", m-before, ses.customer)
		before = m
		for i, it := range ses.items {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(strconv.Itoa(it))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func (s *shop) peopleText() []byte {
	var b bytes.Buffer
	b.WriteString("customer\tlabel\torders\tleaning\ttext\n")
	for _, p := range s.people {
		fmt.Fprintf(&b, "%s\t%s\t%d\t%s\t%s\n", p.id, p.label, p.orders, p.leaning, p.text)
	}
	return b.Bytes()
}

// compress writes no time and no name into the header: same bytes every run.
func compress(body []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
