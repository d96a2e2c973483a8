package emf

// units are the units that CloudWatch knows.
var units = map[string]bool{
	"Seconds": true, "Microseconds": true, "Milliseconds": true,
	"Percent": true, "Count": true, "Count/Second": true, "None": true,
	"Bytes": true, "Kilobytes": true, "Megabytes": true, "Gigabytes": true, "Terabytes": true,
	"Bits": true, "Kilobits": true, "Megabits": true, "Gigabits": true, "Terabits": true,
	"Bytes/Second": true, "Kilobytes/Second": true, "Megabytes/Second": true, "Gigabytes/Second": true, "Terabytes/Second": true,
	"Bits/Second": true, "Kilobits/Second": true, "Megabits/Second": true, "Gigabits/Second": true, "Terabits/Second": true,
}

// ValidUnit tells whether CloudWatch knows the unit.
func ValidUnit(unit string) bool { return units[unit] }

// scaled is a unit of CloudWatch and what values are multiplied by to be in it.
type scaled struct {
	unit  string
	scale float64
}

// ucum are the units of UCUM, as OpenTelemetry writes them. CloudWatch does
// not say whether its Kilobytes have 1,000 or 1,024 bytes, so binary multiples
// become Bytes.
var ucum = map[string]scaled{
	"ns": {"Microseconds", 1e-3}, "us": {"Microseconds", 1}, "ms": {"Milliseconds", 1}, "s": {"Seconds", 1},
	"min": {"Seconds", 60}, "h": {"Seconds", 3600}, "d": {"Seconds", 86400},
	"By": {"Bytes", 1}, "kBy": {"Kilobytes", 1}, "MBy": {"Megabytes", 1}, "GBy": {"Gigabytes", 1}, "TBy": {"Terabytes", 1},
	"KiBy": {"Bytes", 1 << 10}, "MiBy": {"Bytes", 1 << 20}, "GiBy": {"Bytes", 1 << 30}, "TiBy": {"Bytes", 1 << 40},
	"bit": {"Bits", 1}, "kbit": {"Kilobits", 1}, "Mbit": {"Megabits", 1}, "Gbit": {"Gigabits", 1}, "Tbit": {"Terabits", 1},
	"By/s": {"Bytes/Second", 1}, "kBy/s": {"Kilobytes/Second", 1}, "MBy/s": {"Megabytes/Second", 1},
	"GBy/s": {"Gigabytes/Second", 1}, "TBy/s": {"Terabytes/Second", 1},
	"KiBy/s": {"Bytes/Second", 1 << 10}, "MiBy/s": {"Bytes/Second", 1 << 20}, "GiBy/s": {"Bytes/Second", 1 << 30},
	"bit/s": {"Bits/Second", 1}, "kbit/s": {"Kilobits/Second", 1}, "Mbit/s": {"Megabits/Second", 1}, "Gbit/s": {"Gigabits/Second", 1},
	"%": {"Percent", 1},
}

// Unit returns CloudWatch's unit for one of OpenTelemetry and what values are
// multiplied by. It is empty where CloudWatch has none: the format wants no
// Unit then, not an empty one. What is counted ({request}) is a Count if the
// metric counts events, that is, if it is a monotonic sum.
func Unit(unit string, monotonic bool) (name string, scale float64) {
	if u, ok := ucum[unit]; ok {
		return u.unit, u.scale
	}
	if units[unit] {
		return unit, 1
	}
	if len(unit) > 1 && unit[0] == '{' && unit[len(unit)-1] == '}' && monotonic {
		return "Count", 1
	}
	return "", 1
}
