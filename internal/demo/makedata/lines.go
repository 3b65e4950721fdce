package main

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// line is one sold position of an invoice.
type line struct {
	invoice, code, desc, customer string
	price                         float64
	at                            time.Time
}

// readLines reads what was sold: cancellations (invoices that start with C),
// returns and free positions are left out.
func readLines(path string) (out []line, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	c := csv.NewReader(r)
	c.ReuseRecord = true
	head, err := c.Read()
	if err != nil || len(head) < 7 || head[0] != "InvoiceNo" {
		return nil, fmt.Errorf("%s: not the expected list (columns InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID): %w", path, err)
	}
	for {
		rec, err := c.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		l, sold, err := parse(rec)
		if err != nil {
			return nil, fmt.Errorf("%s: invoice %s: %w", path, rec[0], err)
		}
		if sold {
			out = append(out, l)
		}
	}
}

func parse(rec []string) (line, bool, error) {
	quantity, err := strconv.ParseFloat(rec[3], 64)
	if err != nil {
		return line{}, false, fmt.Errorf("quantity: %w", err)
	}
	price, err := strconv.ParseFloat(rec[5], 64)
	if err != nil {
		return line{}, false, fmt.Errorf("price: %w", err)
	}
	if quantity <= 0 || price <= 0 || strings.HasPrefix(rec[0], "C") {
		return line{}, false, nil
	}
	at, err := time.Parse("2006-01-02 15:04:05", rec[4])
	if err != nil {
		return line{}, false, fmt.Errorf("time: %w", err)
	}
	return line{
		invoice: strings.Clone(rec[0]), code: strings.ToUpper(strings.TrimSpace(rec[1])), desc: strings.TrimSpace(rec[2]),
		customer: strings.TrimSuffix(strings.TrimSpace(rec[6]), ".0"), price: price, at: at,
	}, true, nil
}
