// Package demo is the shop that `nextbest demo` shows: a year of a real gift
// shop's invoices as data, and one page to click in. It knows the domain's
// types and plain net/http, nothing of how answers are made.
package demo

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nextbest/nextbest/recommend/catalog"
)

//go:embed data/items.tsv.gz data/sessions.tsv.gz data/customers.tsv
var files embed.FS

// Data is the demo shop: what it sells, what was bought and by whom.
type Data struct {
	Items     []catalog.Item // most bought first
	Sessions  []Session      // oldest first
	Customers []Customer     // a few to play in the page

	byCustomer map[string][]int // sessions of a known customer, oldest first
}

// Session is one invoice: different items in the order in which they were
// written. Customer is empty where it is not known.
type Session struct {
	Customer string
	Time     time.Time
	Items    []string
}

// Customer is a real customer that a visitor of the page can play.
type Customer struct {
	ID      string `json:"id"`
	Label   string `json:"label"`
	Text    string `json:"text"`    // what the customer buys, in words
	Leaning string `json:"leaning"` // the category that stands out
	Orders  int    `json:"orders"`
}

// Load reads the embedded data. An error means that they were damaged when
// the program was built.
func Load() (*Data, error) {
	d := &Data{byCustomer: map[string][]int{}}
	for _, part := range []struct {
		file string
		row  func(cells []string) error
	}{
		{"data/items.tsv.gz", d.addItem},
		{"data/sessions.tsv.gz", d.addSession},
		{"data/customers.tsv", d.addCustomer},
	} {
		if err := eachRow(part.file, part.row); err != nil {
			return nil, fmt.Errorf("demo data %s: %w", part.file, err)
		}
	}
	for i, s := range d.Sessions {
		if s.Customer != "" {
			d.byCustomer[s.Customer] = append(d.byCustomer[s.Customer], i)
		}
	}
	return d, nil
}

// End is the time of the last session: "now" in the shop's history.
func (d *Data) End() time.Time {
	if len(d.Sessions) == 0 {
		return time.Time{}
	}
	return d.Sessions[len(d.Sessions)-1].Time
}

// eachRow gives fn the cells of every row but the first of an embedded TSV.
func eachRow(file string, fn func([]string) error) error {
	raw, err := files.ReadFile(file)
	if err != nil {
		return err
	}
	var r io.Reader = bytes.NewReader(raw)
	if strings.HasSuffix(file, ".gz") {
		if r, err = gzip.NewReader(r); err != nil {
			return err
		}
	}
	sc := bufio.NewScanner(r)
	for n := 1; sc.Scan(); n++ {
		if n == 1 {
			continue
		}
		if err := fn(strings.Split(sc.Text(), "\t")); err != nil {
			return fmt.Errorf("row %d: %w", n, err)
		}
	}
	return sc.Err()
}

func (d *Data) addItem(cells []string) error {
	if len(cells) != 7 {
		return fmt.Errorf("want 7 cells, have %d", len(cells))
	}
	price, err := strconv.ParseFloat(cells[2], 64)
	if err != nil {
		return err
	}
	it := catalog.Item{ItemID: cells[0], Name: cells[1], URL: "/#/item/" + cells[0], Price: &price, Currency: "GBP", Categories: []string{cells[3]}}
	for i, name := range []string{"colour", "material", "pattern"} {
		if v := cells[4+i]; v != "" {
			if it.Attributes == nil {
				it.Attributes = make(map[string]json.RawMessage, 3)
			}
			it.Attributes[name] = json.RawMessage(strconv.Quote(v))
		}
	}
	d.Items = append(d.Items, it)
	return nil
}

func (d *Data) addSession(cells []string) error {
	if len(cells) != 3 {
		return fmt.Errorf("want 3 cells, have %d", len(cells))
	}
	later, err := strconv.ParseInt(cells[0], 10, 64)
	if err != nil {
		return err
	}
	s := Session{Customer: cells[1], Time: time.Unix(later*60, 0).UTC()}
	if n := len(d.Sessions); n > 0 {
		s.Time = d.Sessions[n-1].Time.Add(time.Duration(later) * time.Minute)
	}
	s.Items = make([]string, 0, strings.Count(cells[2], " ")+1)
	for f := range strings.SplitSeq(cells[2], " ") {
		i, err := strconv.Atoi(f)
		if err != nil {
			return err
		}
		if i < 0 || i >= len(d.Items) {
			return fmt.Errorf("item %d of %d", i, len(d.Items))
		}
		s.Items = append(s.Items, d.Items[i].ItemID)
	}
	d.Sessions = append(d.Sessions, s)
	return nil
}

func (d *Data) addCustomer(cells []string) error {
	if len(cells) != 5 {
		return fmt.Errorf("want 5 cells, have %d", len(cells))
	}
	orders, err := strconv.Atoi(cells[2])
	if err != nil {
		return err
	}
	d.Customers = append(d.Customers, Customer{ID: cells[0], Label: cells[1], Orders: orders, Leaning: cells[3], Text: cells[4]})
	return nil
}
