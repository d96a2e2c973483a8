package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tailwater-otel/tailwater/internal/archive"
)

// projected is a partition column that Athena computes.
type projected struct {
	name       string
	folder     string // its part of the location, as dt=${dt}
	properties [][2]string
}

// directives are strftime's letters that can be projected: as part of a date in
// Java's format, and alone as a number.
var directives = map[byte]struct {
	java     string
	unit     string // of a date's step
	from, to int    // of a number; 0, 0 if it is the year
	digits   int
}{
	'Y': {"yyyy", "YEARS", 0, 0, 4},
	'm': {"MM", "MONTHS", 1, 12, 2},
	'd': {"dd", "DAYS", 1, 31, 2},
	'H': {"HH", "HOURS", 0, 23, 2},
	'M': {"mm", "MINUTES", 0, 59, 2},
}

// projectionOf makes partition columns of a format of strftime: one for each
// folder NAME=FORMAT, or one for the whole format if no folder has a name.
func projectionOf(format, since string) ([]projected, error) {
	format = strings.ReplaceAll(strings.Trim(format, "/"), "%F", "%Y-%m-%d")
	if format == "" {
		return nil, nil
	}
	named := 0
	folders := strings.Split(format, "/")
	for _, folder := range folders {
		if strings.Contains(folder, "=") {
			named++
		}
	}
	switch named {
	case 0:
		p, err := project("dt", format, since)
		p.folder = "${dt}"
		return []projected{p}, err
	case len(folders):
	default:
		return nil, fmt.Errorf("%q: either all folders or none must be NAME=FORMAT for Athena to compute them", format)
	}
	var list []projected
	for _, folder := range folders {
		name, pattern, _ := strings.Cut(folder, "=")
		p, err := project(name, pattern, since)
		if err != nil {
			return nil, err
		}
		p.folder = name + "=${" + name + "}"
		list = append(list, p)
	}
	return list, nil
}

// project makes one partition column.
func project(name, pattern, since string) (projected, error) {
	p := projected{name: name}
	if name == "" || strings.ContainsAny(name, "`'%${} ") {
		return p, fmt.Errorf("%q is no name of a column", name)
	}
	for _, c := range archive.Columns() {
		if strings.EqualFold(c.Name, name) {
			return p, fmt.Errorf("%s is a column of the table already", name)
		}
	}
	if len(pattern) == 2 && pattern[0] == '%' {
		d, found := directives[pattern[1]]
		if !found {
			return p, fmt.Errorf("%q cannot be computed by Athena", pattern)
		}
		from, to := strconv.Itoa(d.from), strconv.Itoa(d.to)
		if pattern[1] == 'Y' {
			// A number cannot end at the present: years without data cost a
			// request each unless a query names the year.
			from, to = "2020", "2039"
			if since != "" {
				from = since[:4]
			}
		}
		p.properties = [][2]string{{"type", "integer"}, {"range", from + "," + to}, {"digits", strconv.Itoa(d.digits)}}
		return p, nil
	}
	java, unit, err := javaFormat(pattern)
	if err != nil {
		return p, err
	}
	first := "NOW-3YEARS"
	if since != "" {
		first = formatDay(pattern, since)
	}
	p.properties = [][2]string{{"type", "date"}, {"format", java}, {"range", first + ",NOW"}, {"interval", "1"}, {"interval.unit", unit}}
	return p, nil
}

// javaFormat translates a format of strftime into one of Java's, and says in
// which steps it goes.
func javaFormat(pattern string) (java, unit string, err error) {
	if !strings.Contains(pattern, "%Y") {
		return "", "", fmt.Errorf("%q has no year: Athena can compute single numbers (%%Y, %%m, %%d, %%H, %%M) and dates with a year", pattern)
	}
	order := []string{"YEARS", "MONTHS", "DAYS", "HOURS", "MINUTES"}
	finest := 0
	var b, text strings.Builder
	flush := func() {
		if strings.ContainsFunc(text.String(), func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }) {
			fmt.Fprintf(&b, "'%s'", text.String())
		} else {
			b.WriteString(text.String())
		}
		text.Reset()
	}
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			if pattern[i] == '\'' {
				return "", "", fmt.Errorf("%q has a quote", pattern)
			}
			text.WriteByte(pattern[i])
			continue
		}
		i++
		if i == len(pattern) {
			return "", "", fmt.Errorf("%q ends with %%", pattern)
		}
		d, found := directives[pattern[i]]
		if !found {
			return "", "", fmt.Errorf("%%%c cannot be computed by Athena", pattern[i])
		}
		flush()
		b.WriteString(d.java)
		for step, unit := range order {
			if unit == d.unit {
				finest = max(finest, step)
			}
		}
	}
	flush()
	return b.String(), order[finest], nil
}

// formatDay writes a day in a format of strftime.
func formatDay(pattern, day string) string {
	return strings.NewReplacer("%Y", day[:4], "%m", day[5:7], "%d", day[8:10], "%H", "00", "%M", "00").Replace(pattern)
}
