package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	c := newCleaner()
	for in, want := range map[string]string{
		"WHITE HANGING HEART T-LIGHT HOLDER": "White Hanging Heart T-Light Holder",
		"S/4 CACTI CANDLES":                  "Set of 4 Cacti Candles",
		"SET/6 COLLAGE PAPER PLATES":         "Set of 6 Collage Paper Plates",
		"3 BLACK CATS W HEARTS BLANK CARD":   "3 Black Cats with Hearts Blank Card",
		"ASSTD DESIGN 3D PAPER STICKERS":     "Assorted Design 3d Paper Stickers",
		"RED WOOLLY HOTTIE WHITE HEART.":     "Red Woolly Hottie White Heart",
		"GLASS AND PAINTED BEADS BRACELET":   "Glass and Painted Beads Bracelet",
		"Next Day Carriage":                  "",
		"?":                                  "",
		"wrongly coded":                      "",
	} {
		if got := c.name(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	shelves, err := readShelves(shelvesText)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Lunch Bag Red Retrospot":            "bags>lunch bags",
		"White Hanging Heart T-Light Holder": "home>lanterns & candles",
		"Regency Cakestand 3 Tier":           "kitchen>cake & baking",
		"Set 10 Cards Snowy Snowdrops":       "christmas>cards & wrap",
		"Party Bunting":                      "party>bunting & garlands",
		"Recipe Box Pantry Yellow Design":    "kitchen>jars & tins",
		"Xyzzy":                              otherPath,
	} {
		if got := place(shelves, name); got != want {
			t.Errorf("%q stands on %q, want %q", name, got, want)
		}
	}
	if _, err := readShelves("lonely"); err == nil {
		t.Error("a line without a pattern passes")
	}
	if _, err := readShelves("a\t("); err == nil {
		t.Error("a broken pattern passes")
	}
}

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

func TestRunIsDeterministicAndLeavesJunkOut(t *testing.T) {
	var csv strings.Builder
	csv.WriteString(header)
	for _, l := range []string{
		"1,85123A,WHITE LANTERN,6,2010-12-01 08:26:00,2.55,17850.0,UK",
		"1,POST,POSTAGE,1,2010-12-01 08:26:00,18.0,17850.0,UK",
		"1,22423,REGENCY CAKESTAND,1,2010-12-01 08:26:00,12.75,17850.0,UK",
		"C2,85123A,WHITE LANTERN,-6,2010-12-01 09:00:00,2.55,17850.0,UK",
		"3,85123a,WHITE LANTERN,2,2010-12-02 08:26:00,3.55,,UK",
		"3,22423,REGENCY CAKESTAND,1,2010-12-02 08:26:00,0,,UK",
		"4,22423,REGENCY CAKESTAND,1,2010-12-02 10:26:00,12.75,,UK",
		"5,11111,SOLD ONCE,1,2010-12-02 11:26:00,1.0,,UK",
	} {
		csv.WriteString(l + "\n")
	}
	from := filepath.Join(t.TempDir(), "lines.csv")
	if err := os.WriteFile(from, []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var before []byte
	for range 2 {
		out := t.TempDir()
		if err := run(from, out, 200); err != nil {
			t.Fatal(err)
		}
		sessions := unzip(t, filepath.Join(out, "sessions.tsv.gz"))
		if before != nil && !bytes.Equal(before, sessions) {
			t.Error("two runs differ")
		}
		before = sessions
		want := "minutes_later\tcustomer\titems\n21519866\t17850\t1 0\n1440\t\t1\n120\t\t0\n"
		if string(sessions) != want {
			t.Errorf("sessions\n%swant\n%s", sessions, want)
		}
		items := string(unzip(t, filepath.Join(out, "items.tsv.gz")))
		if strings.Contains(items, "POST") || strings.Contains(items, "11111") || !strings.Contains(items, "85123A\tWhite Lantern\t2.55\thome>lanterns & candles\twhite") {
			t.Errorf("items\n%s", items)
		}
	}
}

func unzip(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(z); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
